"""Pictures of two hands with complete truth, drawn as training needs them: `sample.Generator`."""
