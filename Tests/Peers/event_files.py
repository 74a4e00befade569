"""Reads a folder of event files with TensorBoard: event_files.py FOLDER.

Prints a JSON object with the steps, values (single precision) and times of each tag.
"""

import json
import sys

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

# 0 means no limit: by default, the reader keeps only a sample of the values.
accumulator = EventAccumulator(sys.argv[1], size_guidance={"scalars": 0})
accumulator.Reload()
found = {}
for tag in accumulator.Tags()["scalars"]:
    events = accumulator.Scalars(tag)
    found[tag] = {
        "steps": [event.step for event in events],
        "values": [event.value for event in events],
        "times": [event.wall_time for event in events],
    }
json.dump(found, sys.stdout)
