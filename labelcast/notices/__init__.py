"""Mail that is no digest: a file for each kind, which writes it when its turn comes."""

from collections.abc import Mapping

from labelcast.notices.address import AddressMail, MovedMail
from labelcast.notices.data import DataMail
from labelcast.notices.links import LinksMail
from labelcast.notices.press import NoticePress
from labelcast.notices.signup import SignupMail
from outbox.notices import Composer
from subscribers.changing import End


def composers(press: NoticePress) -> Mapping[str, Composer]:
    """Who writes a notice, by its kind."""
    return {
        "signup": SignupMail(press),
        "links": LinksMail(press),
        "address-old": AddressMail(press, End.OLD),
        "address-new": AddressMail(press, End.NEW),
        "address-moved": MovedMail(press),
        "data": DataMail(press),
    }
