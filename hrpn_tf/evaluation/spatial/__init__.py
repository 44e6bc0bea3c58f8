"""Where the target goes, predicted and measured: vessels, distances, nuclei, sub-areas."""
