"""Tables 1 to 3 of ABRNet. Figure 1 shows people of the data set, Figure 2 is the network's diagram."""

from __future__ import annotations

from aufait.reproduction.registry import Block, Item, Row

_PARTS = (
    ("Table 1a: number of relation layers m", "relation layers",
     (("m=0", "abrnet-no-relation/disfa_plus"), ("m=2", "abrnet/disfa_plus/m=2"), ("m=4", "abrnet/disfa_plus"),
      ("m=6", "abrnet/disfa_plus/m=6"))),
    ("Table 1b: fusion scheme", "fusion",
     (("average pooling", "abrnet-avg/disfa_plus"), ("feature concatenation", "abrnet-concat/disfa_plus"),
      ("score averaging", "abrnet-score-avg/disfa_plus"), ("self-attention fusion", "abrnet/disfa_plus"))),
    ("Table 1c: AU dropout ratio 1-t/m", "AU relation dropout",
     (("0", "abrnet-no-dropout/disfa_plus"), ("0.25", "abrnet/disfa_plus/dropout=0.25"), ("0.5", "abrnet/disfa_plus"),
      ("0.75", "abrnet/disfa_plus/dropout=0.75"))),
    ("Table 1d: lambda of AUR-Loss", "weight of the relation loss",
     (("0", "abrnet-no-aur/disfa_plus"), ("0.05", "abrnet/disfa_plus/lambda=0.05"), ("0.1", "abrnet/disfa_plus"),
      ("0.2", "abrnet/disfa_plus/lambda=0.2"))),
)  # fmt: skip


def _block(table: str, dataset: str, printed: str) -> Block:
    published = {"table": table, "dataset": printed}
    return Block(metric="f1_frame", dataset=dataset, title="F1", published=published)


def _rows(protocol: str, *names: tuple[str, str]) -> tuple[Row, ...]:
    return tuple(Row(method=method, run=f"{model}/{protocol}") for method, model in names)


ITEMS: tuple[Item, ...] = (
    Item(
        paper="abrnet",
        kind="table",
        number="1",
        title="settings on DISFA+: relation layers, fusion, dropout, relation loss",
        maker="settings_table",
        runs=tuple(dict.fromkeys(run for _, _, rows in _PARTS for _, run in rows)),
        options={"parts": _PARTS, "dataset": "disfa_plus", "printed": "DISFA+"},
    ),
    Item(
        paper="abrnet",
        kind="table",
        number="2",
        title="DISFA: F1 of 8 AUs",
        maker="score_table",
        rows=_rows("disfa", ("ARL", "arl"), ("JAA-Net", "jaa-net-v2"), ("ABRNet", "abrnet")),
        blocks=(_block("Table 2", "disfa", "DISFA"),),
        printed="UGN-B and MONET are shown as printed",
    ),
    Item(
        paper="abrnet",
        kind="table",
        number="3",
        title="DISFA+: F1 of 8 AUs",
        maker="score_table",
        rows=_rows("disfa_plus", ("DRML", "drml"), ("JAA-Net", "jaa-net-v2"), ("ABRNet", "abrnet")),
        blocks=(_block("Table 3", "disfa_plus", "DISFA+"),),
        printed="AU R-CNN is shown as printed",
    ),
)
