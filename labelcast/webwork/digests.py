"""What the publisher's pages about digests have done by the application: previews and tests of their mail."""

from digests.rendering.message import RenderingError
from digests.store import DigestError
from labelcast.preview import NotSubscribed, When, preview_digest, send_test
from labelcast.wiring_mail import MailWiring
from outbox.dkimkeys import DkimError
from outbox.marks import MessageError
from templates.filling import email_templates
from web.admin.digests.work import Asked, CannotShow, DigestWork, MailShown

_NOTHING = "no post is under its rule yet, so there is nothing to show"
_CANNOT = (DigestError, DkimError, MessageError, RenderingError)


def digest_work(wiring: MailWiring) -> DigestWork:
    """What stands behind the pages."""

    def preview(asked: Asked) -> MailShown:
        try:
            found = preview_digest(wiring, asked.slug, _when(asked), email=asked.email)
        except NotSubscribed as error:
            raise CannotShow(str(error).partition(";")[0]) from error
        except _CANNOT as error:
            raise CannotShow(str(error)) from error
        if found is None:
            raise CannotShow(_NOTHING)
        return MailShown(found.message, found.at, found.remark)

    def test(asked: Asked, to: str) -> str:
        try:
            return send_test(wiring, asked.slug, _when(asked), email=asked.email, to=to)
        except NotSubscribed as error:
            raise CannotShow(str(error).partition(";")[0]) from error
        except LookupError as error:
            raise CannotShow(_NOTHING) from error
        except _CANNOT as error:
            raise CannotShow(str(error)) from error

    return DigestWork(preview, test, lambda: email_templates(wiring.environment))


def _when(asked: Asked) -> When:
    return When(asked.now, asked.at, asked.day)
