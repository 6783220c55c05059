"""Any order of declarations, drift, faults and crashes, compared with a model of what should be."""
