"""What an analysis found, as objects that QuPath opens: GeoJSON, and a script that imports it."""
