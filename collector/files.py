"""Whether the files of a home are ones that this version can read, before anything is done.

Knows the files' numbers; what is in them is their owners' business.
"""

from __future__ import annotations

from collector.home import Home, HomeForeign


def check_files(home: Home) -> None:
    """Passes over files that are not there.

    Raises:
        HomeForeign: One is another program's, or of a newer version; the message names it, its
            schema, the one that is known, and what to do.
        StoreError: Record or desk cannot be read.
        JournalError: The journal cannot be read.
    """
    from cmdb.store.port import StoreForeign
    from cmdb.store.sqlite.desk import check_desk
    from cmdb.store.sqlite.record import check_record
    from collector.journal.port import JournalForeign
    from collector.journal.schema import check_journal

    checks = (
        (home.journal_path, check_journal),
        (home.record_path, check_record),
        (home.desk_path, check_desk),
    )
    for path, check in checks:
        try:
            if path.exists():
                check(path)
        except (StoreForeign, JournalForeign) as error:
            raise HomeForeign(str(error)) from error
