"""Parts of ``bench_real.py``: scores, readers of the sets, composites, sheets. Import with ``benchmarks`` on the path."""
