"""Copies an HDF5 file and changes one attribute of a group in the copy.

change_attribute.py FILE COPY GROUP NAME VALUE
"""

import sys

import h5py

source, target, group, name, value = sys.argv[1:]
with h5py.File(source) as old, h5py.File(target, "w") as new:
    for key in old.keys():
        old.copy(key, new)
    for key in old.attrs:
        new.attrs[key] = old.attrs[key]
    new[group].attrs[name] = value
