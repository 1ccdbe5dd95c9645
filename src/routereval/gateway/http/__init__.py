"""The HTTP side: the application, the life of a request, and what passes on its connection."""
