"""What this studio is and can do; the list of its addresses."""

from __future__ import annotations

from functools import lru_cache
from html import escape
from typing import Any

import numpy as np
from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from aufait.files.versions import installed_version
from aufait.studio.exports import EXPORTS
from aufait.studio.studio import Studio


def router(studio: Studio) -> APIRouter:
    """The routes."""
    routes = APIRouter(tags=["about"])

    @routes.get("/api/about")
    def about() -> dict[str, Any]:
        """Versions, models, action units with muscles and places on the face, limits and formats."""
        from aufait.visualization.results.report import NOTE

        told, settings = studio.jobs.told, studio.settings
        return {
            "version": installed_version("aufait"), "finder": told.get("finder", settings.finder),
            "finder_reason": told.get("finder_reason", ""), "model": told.get("model", settings.model),
            "problem": told.get("problem"), "action_units": action_units(), "limits": {"upload_bytes": settings.max_upload},
            "exports": [one.shown for one in EXPORTS.values()], "networks": told.get("networks", []), "notice": NOTE,
            "paths": bool(settings.allow_paths), "workers": settings.workers,
        }  # fmt: skip

    @routes.get("/api/docs", response_class=HTMLResponse, include_in_schema=False)
    def docs(request: Request) -> HTMLResponse:
        return HTMLResponse(_docs(request.app.openapi()))

    return routes


@lru_cache(maxsize=1)
def action_units() -> list[dict[str, Any]]:
    """Each action unit that a model may score, with two places where it acts on a face that fills a square of side 1."""
    from aufait.action_units import ACTION_UNITS
    from aufait.au_centers import AU_CENTER_RULES, au_centers
    from aufait.faces.pose import head_points

    face = np.asarray(head_points())[:, :2]
    low, high = face.min(axis=0), face.max(axis=0)
    side = float((high - low).max()) / 0.8
    square = ((face - (low + high) / 2) / side + 0.5).astype(np.float64)
    known = [unit for unit in ACTION_UNITS if unit in AU_CENTER_RULES["jaa_net"]]
    centers = dict(zip(known, au_centers(square, known), strict=True))
    return [
        {
            "unit": number, "name": unit.name, "muscles": "; ".join(unit.muscles), "region": unit.region, "area": unit.area,
            "bilateral": unit.bilateral, "description": unit.description,
            "points": np.round(centers[number], 4).tolist() if number in centers else [],
        }
        for number, unit in ACTION_UNITS.items()
    ]  # fmt: skip


def _docs(schema: dict[str, Any]) -> str:
    """A plain page: every address with its methods, what it does and what it takes."""
    rows, info = [], schema["info"]
    for path, methods in sorted(schema["paths"].items()):
        for method, facts in methods.items():
            takes = ", ".join(one["name"] for one in facts.get("parameters", []) if one["in"] == "query")
            told = escape(facts.get("description") or facts.get("summary") or "")
            cells = (f"<b>{method.upper()}</b>", f"<code>{escape(path)}</code>", told, escape(takes))
            rows.append(f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>")
    style = (
        "body{font:15px/1.5 system-ui,sans-serif;margin:2em auto;max-width:70em;padding:0 1em;color-scheme:light dark}"
        "td,th{padding:.3em .6em;text-align:left;vertical-align:top;border-bottom:1px solid #8884}table{border-collapse:collapse}"
    )
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>API of the studio</title><style>{style}</style></head><body><h1>API of the studio</h1>"
        f"<p>{escape(info['description'])} Version {escape(info['version'])}. The whole description for programs: "
        f'<a href="/api/openapi.json">openapi.json</a>. Programs send the token as <code>Authorization: Bearer TOKEN</code>.</p>'
        f"<table><thead><tr><th>method</th><th>address</th><th>what it does</th><th>query</th></tr></thead>"
        f"<tbody>{''.join(rows)}</tbody></table></body></html>"
    )
