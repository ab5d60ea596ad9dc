"""What sending costs: `python -m benchmarks` measures it here, against what one would write by hand. See `figures`."""
