"""The pages that a user sees while linking an account to the simulated Spotify. `accounts_api` handles the clicks."""

from __future__ import annotations

from html import escape

from myi_pipelines.simulator.authorizations import AuthorizationRequest
from myi_pipelines.simulator.simulated_users import SimulatedUser

SCOPES = {
    "user-read-recently-played": "What you have played recently",
    "user-top-read": "Your top artists and tracks",
    "user-read-private": "Your subscription and country",
    "user-read-email": "Your e-mail address",
}
_LAYOUT = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
  :root {{ color-scheme: dark; --green: #2fd072; --ink: #f4f7f5; --dim: #9fb0a6; --card: #171d1a; --line: #2a342e; }}
  * {{ box-sizing: border-box; }}
  body {{ margin: 0; min-height: 100vh; display: grid; place-items: center; padding: 24px; color: var(--ink);
    font: 16px/1.5 system-ui, sans-serif;
    background: radial-gradient(1000px 600px at 50% -10%, #1d3a2a, #0c100e 70%); }}
  main {{ width: min(440px, 100%); background: var(--card); border: 1px solid var(--line); border-radius: 18px;
    padding: 32px; box-shadow: 0 20px 60px #0008; }}
  .badge {{ display: inline-block; font-size: 12px; letter-spacing: .08em; text-transform: uppercase;
    color: var(--green); border: 1px solid currentColor; border-radius: 99px; padding: 2px 10px; }}
  h1 {{ font-size: 24px; line-height: 1.25; margin: 16px 0 8px; }}
  p, ul {{ color: var(--dim); margin: 0 0 16px; }}
  ul {{ padding: 0; list-style: none; }}
  li::before {{ content: "✓"; color: var(--green); margin-right: 10px; }}
  button {{ width: 100%; font: inherit; color: inherit; cursor: pointer; border-radius: 12px; padding: 12px 16px;
    border: 1px solid var(--line); background: #1f2723; margin-top: 10px; display: flex; align-items: center; gap: 14px;
    text-align: left; transition: border-color .15s, transform .15s; }}
  button:hover, button:focus-visible {{ border-color: var(--green); transform: translateY(-1px); outline: none; }}
  .face {{ flex: none; width: 40px; height: 40px; border-radius: 50%; display: grid; place-items: center;
    font-weight: 700; color: #0c100e; }}
  small {{ display: block; color: var(--dim); }}
  .deny {{ justify-content: center; background: none; color: var(--dim); margin-top: 20px; }}
</style>
</head>
<body><main>
{body}
</main></body>
</html>
"""


def choose_user(request: AuthorizationRequest, users: tuple[SimulatedUser, ...]) -> str:
    """A button for each user, and one to deny. The form is sent to the address that the page came from."""
    scopes = "".join(f"<li>{escape(SCOPES.get(scope, scope))}</li>" for scope in sorted(request.scopes))
    wants = f"<p>It would like to see:</p><ul>{scopes}</ul>" if scopes else "<p>It asks for no scope.</p>"
    buttons = "".join(_button(number, user) for number, user in enumerate(users))
    body = f"""<span class="badge">Simulated Spotify</span>
<h1>Who is linking an account?</h1>
<p>An app asks for access. These people are made up, and no password is needed.</p>
{wants}
<form method="post">
{buttons}
<button class="deny" name="deny" value="yes">Cancel</button>
</form>"""
    return _LAYOUT.format(title="Link an account – Simulated Spotify", body=body)


def _button(number: int, user: SimulatedUser) -> str:
    shown = escape(user.display_name or user.name)
    colour, initial = f"hsl({number * 67 + 140} 60% 62%)", escape(user.name[0].upper())
    face = f'<span class="face" style="background:{colour}">{initial}</span>'
    about = f"<span>{shown}<small>{escape(user.timezone)}</small></span>"
    return f'<button name="user" value="{escape(user.name)}">{face}{about}</button>\n'


def refusal(message: str) -> str:
    """The page that the accounts service shows when the app's request is wrong."""
    body = f"""<span class="badge">Simulated Spotify</span>
<h1>{escape(message)}</h1>
<p>Spotify does not accept the app's request.</p>"""
    return _LAYOUT.format(title="Error – Simulated Spotify", body=body)
