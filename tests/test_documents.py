"""The documentation: its code runs, and its links lead somewhere."""

import pytest

from tests import documents

OURS = [block for block in documents.code_blocks(documents.MOVING) if "larq_bop" in block]


@pytest.mark.parametrize("block", OURS, ids=range(len(OURS)))
def test_code_of_the_page_for_larq_users_runs(block):
    documents.run(block)


def test_the_page_has_code():
    assert len(OURS) == 3


@pytest.mark.parametrize(
    "page", [documents.ROOT / "README.md", *documents.ROOT.glob("docs/*.md")], ids=lambda p: p.name
)
def test_links_lead_somewhere(page):
    assert not documents.broken_links(page)


def test_the_readme_leads_to_the_page():
    assert "(docs/moving-from-larq.md)" in (documents.ROOT / "README.md").read_text()
