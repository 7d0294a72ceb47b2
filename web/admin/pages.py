"""All of the publisher's pages, by their addresses."""

from starlette.routing import BaseRoute

from feeds.catalogue import Catalogue
from web.accounts.attempts import Attempts
from web.admin.deliveries import DeliveriesPages
from web.admin.digests.editing import DigestEditingPages
from web.admin.digests.pages import DigestPages
from web.admin.digests.preview import DigestPreviewPages
from web.admin.digests.sending import DigestSendingPages
from web.admin.entry.account import AccountPages
from web.admin.entry.accounts import AccountsPages
from web.admin.entry.login import LoginPages
from web.admin.entry.tokens import TokensPages
from web.admin.feeds.editing import FeedEditingPages
from web.admin.feeds.keys import FeedKeysPage
from web.admin.feeds.labels import LabelPages
from web.admin.feeds.matches import MatchPages
from web.admin.feeds.pages import FeedListPage
from web.admin.frame import Frame
from web.admin.posts.changing import ChangingPages
from web.admin.posts.imports import ImportPages
from web.admin.posts.pages import PostsPages
from web.admin.readers.pages import ReadersPages
from web.admin.running.audit import AuditPages
from web.admin.running.doctor import Desk, DoctorPages
from web.admin.running.overview import OverviewPages
from web.admin.running.settings import SettingsPages


def admin_routes(frame: Frame) -> list[BaseRoute]:
    """Every address below ``/admin``, in the order they are looked through."""
    attempts, desk = Attempts(), Desk(frame.work.examine)
    catalogue = Catalogue(frame.pages.site)
    return [
        *LoginPages(frame, attempts).routes(),
        *OverviewPages(frame, desk).routes(),
        *AccountPages(frame, attempts).routes(),
        *AccountsPages(frame).routes(),
        *AuditPages(frame).routes(),
        *DoctorPages(frame, desk).routes(),
        *SettingsPages(frame).routes(),
        *TokensPages(frame).routes(),
        *MatchPages(frame).routes(),
        *FeedListPage(frame, catalogue).routes(),
        *ChangingPages(frame).routes(),
        *PostsPages(frame).routes(),
        *ImportPages(frame).routes(),
        *FeedEditingPages(frame, catalogue).routes(),
        *FeedKeysPage(frame).routes(),
        *LabelPages(frame, catalogue).routes(),
        # First what has a name of its own: no slug begins with an underscore.
        *DigestEditingPages(frame).routes(),
        *DigestPages(frame).routes(),
        *DigestSendingPages(frame).routes(),
        *DigestPreviewPages(frame).routes(),
        *DeliveriesPages(frame).routes(),
        *(ReadersPages(frame, frame.work.readers).routes() if frame.work.readers else ()),
    ]
