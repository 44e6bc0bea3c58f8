"""What a predicted slide says without a measured target: measures, tables, and conditions."""
