"""What a token's webhooks are signed with."""

import hmac
from collections.abc import Sequence
from hashlib import sha256

from web.accounts.tokens import AccessToken


def webhook_secrets(token: AccessToken, secrets: Sequence[str]) -> tuple[str, ...]:
    """What a token's webhooks may be signed with: one for each of the settings' secrets, the present first.

    They grow from the settings, not from what the database holds: who reads that can sign nothing.
    """
    told = f"labelcast.webhook {token.id} {token.created_at.isoformat()}".encode()
    return tuple(hmac.new(secret.encode(), told, sha256).hexdigest() for secret in secrets)
