"""The bytes of each reader's message: the edition's template with this reader's few values put in."""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from sqlalchemy import select

from database import Database
from digests.model import edition
from digests.sending.ledger import Pending
from outbox.addresses import recipient_value
from outbox.dkim import SignedTemplate, Signer
from outbox.marks import MessageError
from outbox.message import MessageTemplate
from subscribers.returnpath import ReturnPaths
from subscribers.tokens import TokenSigner

KEPT = 64


class EditionLetters:
    """Splices messages from the editions in the database; keeps the last few editions at hand.

    ``sender`` is the envelope's sender, in whose place ``return_paths`` have one for each message. Each
    reader's links bear tokens that name the subscription, each signed for one purpose. Each message is signed
    by all of ``signers`` (DKIM), at the instant that ``clock`` gives.
    """

    def __init__(
        self,
        database: Database,
        *,
        sender: str,
        signer: TokenSigner,
        return_paths: ReturnPaths | None = None,
        signers: Sequence[Signer] = (),
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._sender = sender
        self._return_paths = return_paths
        self._database = database
        self._signer = signer
        self._signers = tuple(signers)
        self._clock = clock
        self._templates: OrderedDict[int, SignedTemplate] = OrderedDict()

    @property
    def are_signed(self) -> bool:
        """Whether each is signed, which takes longer than all else and may be done in other threads."""
        return bool(self._signers)

    def sender(self, pending: Pending) -> str:
        """The envelope's sender: where the message comes back to when it cannot be delivered."""
        return self._sender if self._return_paths is None else self._return_paths.address(pending.id)

    def data(self, pending: Pending) -> bytes:
        """The whole message of a delivery, CRLF, no line starting with a dot.

        Raises ``MessageError`` where none can be made: also when its digest was removed meanwhile.
        """
        return self._template(pending.edition_id).splice(self.values(pending), at=self._clock())

    def values(self, pending: Pending) -> dict[str, bytes]:
        """What goes where the template's marks are."""
        return {
            "TO": recipient_value(pending.email),
            "MESSAGE_ID": pending.message_id.encode("ascii"),
            "UNSUBSCRIBE": self._signer.sign("unsubscribe", pending.subscription_id).encode("ascii"),
            "PREFERENCES": self._signer.sign("preferences", pending.subscription_id).encode("ascii"),
            "STOP": self._signer.sign("stop", pending.subscription_id).encode("ascii"),
        }

    def _template(self, number: int) -> SignedTemplate:
        template = self._templates.get(number)
        if template is None:
            with self._database.read() as connection:
                query = select(edition.c.message).where(edition.c.id == number)
                blob = connection.execute(query).scalar_one_or_none()
            if blob is None:
                raise MessageError(f"edition {number} is gone, or has no message yet")
            template = SignedTemplate(MessageTemplate.parse(blob), self._signers)
            self._templates[number] = template
            if len(self._templates) > KEPT:
                self._templates.popitem(last=False)
        return template
