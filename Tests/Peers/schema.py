#!/usr/bin/env python3
"""Validates lines of JSON with a JSON Schema: `schema.py SCHEMA.json CASES.jsonl` prints true or false for each line."""

import json
import sys

from jsonschema import Draft202012Validator

with open(sys.argv[1]) as file:
    schema = json.load(file)
Draft202012Validator.check_schema(schema)
validator = Draft202012Validator(schema)
with open(sys.argv[2]) as file:
    for line in file:
        print("true" if validator.is_valid(json.loads(line)) else "false")
