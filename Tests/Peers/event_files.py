"""What TensorBoard finds in a folder of event files: event_files.py FOLDER.

Prints a JSON object: for each tag its steps, its values (single precision) and their times.
"""

import json
import sys

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

# 0 is no limit: the reader would otherwise keep a sample of the values.
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
