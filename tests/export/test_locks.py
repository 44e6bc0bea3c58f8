"""A folder that one process has for itself."""

import errno
import fcntl

import pytest
from hrpn_export.locks import alone_in

BUSY = ValueError("in use")


def test_one_at_a_time_holds_a_folder(tmp_path):
    with alone_in(tmp_path, BUSY):
        for shared in (False, True):
            with pytest.raises(ValueError, match="in use"), alone_in(tmp_path, BUSY, shared):
                pass
    with alone_in(tmp_path, BUSY):
        pass  # free again


def test_several_that_share_a_folder_keep_out_who_wants_it_alone(tmp_path):
    one, another = (alone_in(tmp_path, BUSY, shared=True) for _ in range(2))
    with one, another, pytest.raises(ValueError, match="in use"), alone_in(tmp_path, BUSY):
        pass


@pytest.mark.parametrize("code", [errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS, errno.EBADF])
def test_a_drive_without_locks_will_do(tmp_path, monkeypatch, code):
    def refuse(*_):
        raise OSError(code, "no locks")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with alone_in(tmp_path, BUSY), alone_in(tmp_path, BUSY):
        pass


def test_a_folder_that_is_missing_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError), alone_in(tmp_path / "none", BUSY):
        pass
