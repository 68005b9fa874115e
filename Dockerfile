# aufait in a container, for batches and for `aufait studio`. docs/installation.md, "In a container", says how it is used.
#
#   docker build -t aufait .                                                     (processors only)
#   docker build -t aufait:cuda --build-arg TORCH_INDEX=https://download.pytorch.org/whl/cu126 .

ARG PYTHON=3.13.9-slim-bookworm

FROM node:22.21.0-bookworm-slim AS pages
WORKDIR /build/web
COPY web/package.json web/package-lock.json ./
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY web ./
RUN npm run build

FROM python:${PYTHON} AS wheel
WORKDIR /build
RUN pip install --no-cache-dir build==1.6.1
COPY pyproject.toml README.md LICENSE NOTICE ./
COPY src ./src
COPY --from=pages /build/src/aufait/studio/pages ./src/aufait/studio/pages
RUN python -m build --wheel --outdir /wheels

FROM python:${PYTHON}
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
ARG EXTRAS=web,parquet,plot,pandas,elan,fast
COPY constraints.txt /tmp/
COPY --from=wheel /wheels /tmp/wheels
RUN pip install --no-cache-dir --index-url "${TORCH_INDEX}" "$(grep '^torch==' /tmp/constraints.txt)" \
    && pip install --no-cache-dir -c /tmp/constraints.txt "$(echo /tmp/wheels/*.whl)[${EXTRAS}]" \
    && rm -r /tmp/constraints.txt /tmp/wheels \
    && useradd --uid 10001 --create-home aufait \
    && install -d -o aufait /data

# NVIDIA's container runtime looks at these two; without it, they mean nothing.
ENV NVIDIA_VISIBLE_DEVICES=all NVIDIA_DRIVER_CAPABILITIES=compute,utility
ENV AUFAIT_CACHE=/data/.aufait PYTHONDONTWRITEBYTECODE=1
USER 10001
WORKDIR /data
VOLUME /data
EXPOSE 8765

# The studio answers 401 to whoever has no token: then it is alive. Batches have no server: docker run --no-healthcheck.
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s CMD ["python", "-c", "import http.client as h; c = h.HTTPConnection('127.0.0.1', 8765, timeout=4); c.request('GET', '/'); raise SystemExit(c.getresponse().status != 401)"]

ENTRYPOINT ["aufait"]
CMD ["studio", "/data/studio", "--host", "0.0.0.0", "--port", "8765", "--allow-remote", "--no-browser"]
