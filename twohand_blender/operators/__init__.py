"""One operator a file: gather the context, call what does the work, report."""
