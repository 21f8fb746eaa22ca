"""What ``spynq train`` runs, once its arguments are parsed: one module per task, imported by name."""
