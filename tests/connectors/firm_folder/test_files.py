"""Only plain files of a sane size are opened, and big ones are read without a place for all of them in memory."""

import os

import pytest

from connectors.firm_folder.read import read_firm


def test_a_symbolic_link_is_not_followed(folder, problems, tmp_path):
    (folder / "lots.csv").rename(tmp_path / "elsewhere.csv")
    (folder / "lots.csv").symlink_to(tmp_path / "elsewhere.csv")
    (folder / "settings/link.toml").symlink_to("/etc/passwd")

    assert problems(folder) == [
        ("lots.csv", None, None, "a symbolic link", "a plain file"),
        ("lots.csv", None, None, "no such file", "lots.csv or lots.parquet"),
        ("settings/link.toml", None, None, "a symbolic link", "a plain file"),
    ]


def test_a_linked_folder_is_not_followed(folder, problems, tmp_path):
    (folder / "risk").rename(tmp_path / "elsewhere")
    (folder / "risk").symlink_to(tmp_path / "elsewhere")

    assert problems(folder) == [("risk", None, None, "a symbolic link", "a folder")]


def test_a_pipe_is_not_opened(folder, problems):
    (folder / "substitutes.csv").unlink()
    os.mkfifo(folder / "substitutes.csv")

    assert problems(folder) == [("substitutes.csv", None, None, "a special file", "a plain file")]


def test_a_file_of_absurd_size_is_not_opened(folder, problems):
    with (folder / "substitutes.csv").open("wb") as stream:
        stream.truncate(20 * 1024**3 + 1)  # a hole: takes no room on the disk

    assert problems(folder) == [
        ("substitutes.csv", None, None, "21,474,836,481 bytes", "at most 21,474,836,480")]  # fmt: skip


@pytest.mark.parametrize(("content", "expected"), [
    ("security_id,substitute_id,rank\n" + "S1" * 600 + ",S2,1\n", (2, "a longer cell", "at most 1,000 characters")),
    ("security_id,substitute_id,rank\nS1,S2," + "1" * 2_000_000 + "\n",
     (2, "a longer line", "at most 262,144 bytes")),
    ("security_id" * 40_000, (1, "a longer line", "at most 262,144 bytes")),
    ('security_id,substitute_id,rank\n"' + "S1,S2,1\nS1,S2,1\n",
     (2, "a stray or unclosed quote in '\"S1,S2,1'", 'cells in "..." closed on their line, inner quotes doubled')),
])  # fmt: skip
def test_a_cell_or_line_of_absurd_length_is_refused(folder, problems, content, expected):
    (folder / "substitutes.csv").write_text(content)

    row, found, wanted = expected
    assert problems(folder) == [("substitutes.csv", row, None, found, wanted)]


def test_a_big_file_in_no_order_comes_out_by_account(folder, canonical):
    ids = [f"B{number:03d}" for number in range(300)]
    row = canonical["accounts.csv"].splitlines()[2]
    accounts = [row.replace("A2", account_id) for account_id in ids]
    (folder / "accounts.csv").write_text("\n".join([canonical["accounts.csv"].splitlines()[0], *accounts]) + "\n")
    lots = [f"{ids[k * 7 % 300]},{k // 300:04d},S1,{k + 1},1.5,2025-01-02,,,," for k in range(60_000)]
    (folder / "lots.csv").write_text("\n".join([canonical["lots.csv"].splitlines()[0], *lots]) + "\n")
    (folder / "transactions.csv").write_text(canonical["transactions.csv"].splitlines()[0] + "\n")
    (folder / "restrictions.csv").unlink()

    books = list(read_firm(folder)[1])

    assert [book.account.account_id for book in books] == ids
    assert {len(book.lots) for book in books} == {200}
    expected = {ids[k * 7 % 300]: 0 for k in range(300)}
    for k in range(60_000):
        expected[ids[k * 7 % 300]] += k + 1
    assert {book.account.account_id: sum(lot.quantity for lot in book.lots) for book in books} == expected
