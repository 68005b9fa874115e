"""Agreement of tables of scores with coders, with other tools and with each other, per action unit: frames and events.

| step | file |
|---|---|
| which files go together | sides.py |
| reading them, whose they are | opening.py, frame_codes.py, people.py |
| what a rater says at given times | rater.py |
| raters on common times, sums over cells of time | joined.py, matching.py, sums.py |
| measures and their intervals | measures.py, pool.py |
| all of it | compare.py, settings.py |
| tables, page | files.py, page/ |
"""
