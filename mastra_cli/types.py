"""What generated models import."""
