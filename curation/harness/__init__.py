"""How a stage runs, never what comes out: params, files, memory, errors, processes."""
