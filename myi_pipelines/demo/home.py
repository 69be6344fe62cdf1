"""Where the demo lives: apart from the user's own history, unless the user says where."""

from myi_pipelines.settings import Settings

HOME = ".myi-demo"
KEPT = {"port", "web_port", "web_host", "web_password", "dagster_yaml"}
"""Settings that are about the machine, not about the user's own history, servers and Spotify app."""


def demo_settings(settings: Settings) -> Settings:
    """The settings of a home beside the user's own, with servers of its own; the given ones where they name a home."""
    if "home" in settings.model_fields_set:
        return settings
    home = settings.home.with_name(HOME)
    others = {name: field.default for name, field in Settings.model_fields.items() if name not in KEPT}
    return settings.model_copy(update={**others, "home": home, "uploads": home / "uploads"})
