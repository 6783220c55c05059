"""Any order of declarations, drift, faults and crashes, held against a model of what should be."""
