# Reads pip's output and prints a line for every ten packages, so that a long installation shows that it goes on.
BEGIN { while ((getline line < file) > 0) if (line ~ /^[A-Za-z0-9]/) all++ }
/^Collecting / { if (++seen % 10 == 0) { printf "  %d of %d packages fetched\n", seen, all; fflush() } }
/^Installing collected packages/ { printf "  installing %d packages\n", all; fflush() }
/^ERROR|^  *error|No matching distribution/ { print; fflush() }
