"""The town hall's pages at /<city>/desk."""
