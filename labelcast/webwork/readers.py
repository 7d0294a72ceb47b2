"""What the publisher's pages of readers have done for them."""

from functools import partial

from database import Database
from labelcast.reader_export import stream_about
from labelcast.readers import erase_reader, suppression_salt
from labelcast.scrubbing import Scrubber
from labelcast.webwork.streaming import stream_readers, take_list
from web.admin.readers.work import ReaderWork


def reader_work(database: Database) -> ReaderWork:
    """It, over a database."""
    return ReaderWork(
        salt=suppression_salt,
        erase=erase_reader,
        about=partial(stream_about, database),
        export=partial(stream_readers, database),
        scrub=Scrubber(database).scrub,
        take_list=partial(take_list, database),
    )
