"""What a set of cases covers: options in pairs, sizes, values, what must not be read, clauses, mistakes. SPEC 30.7."""
