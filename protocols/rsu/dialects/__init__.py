"""The dialects: one module each, its name the dialect's name, its `DIALECT` the whole of it."""
