"""What runs inside the foreign test run; this folder alone is put on its path."""
