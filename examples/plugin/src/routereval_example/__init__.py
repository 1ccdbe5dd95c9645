"""A router, a metric, an importer and a gateway plugin, each in a module of its own."""
