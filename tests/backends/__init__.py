"""The array libraries: kernels that NumPy lacks, against independent numbers."""
