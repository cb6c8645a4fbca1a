"""Wrong labels: how many there are and where, beside cleanlab."""
