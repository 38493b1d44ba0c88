"""The ways by which a message reaches somebody, behind one interface."""
