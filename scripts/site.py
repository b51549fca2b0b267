"""mkdocs reads this (`hooks` in mkdocs.yml): pages that lie outside of docs/, and links that lead there.

README.md becomes the first page. Files that pages link to (the example config, the page of the benchmarks) are copied
beside them, so that every link of the site leads to something in the site.
"""

from __future__ import annotations

import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parent.parent
PAGES = {"index.md": "README.md", "CONTRIBUTING.md": "CONTRIBUTING.md", "CHANGELOG.md": "CHANGELOG.md"}
"""Name in the site, and the file in the checkout."""
COPIED = ("bench/README.md", "config/lull.yaml", "LICENSE")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add what lies outside of docs/: pages, and plain copies with the ending .txt."""
    for name, source in PAGES.items():
        files.append(File.generated(config, name, content=(ROOT / source).read_text(encoding="utf-8")))
    for source in COPIED:
        files.append(File.generated(config, copy_of(source), content=(ROOT / source).read_text(encoding="utf-8")))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """The text of a page with its links as the site has them."""
    del config, files
    is_outside = page.file.src_uri in PAGES
    return re.sub(r"(\]\()([^()\s:#]+)", lambda link: link[1] + moved(link[2], is_outside), markdown)


def on_page_content(html: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """The HTML of a page with bars in the cells of tables as they are meant: Markdown needs a backslash before them."""
    del page, config, files
    return re.sub(r"<td>.*?</td>", lambda cell: cell[0].replace(r"\|", "|"), html, flags=re.DOTALL)


def moved(link: str, is_outside: bool) -> str:
    """A link of a page in docs/, or of one at the top of the checkout, as it is in the site."""
    path = link.removeprefix("docs/") if is_outside else link.removeprefix("../")
    if path in COPIED:
        return copy_of(path)
    return "index.md" if path == "README.md" else path


def copy_of(source: str) -> str:
    """The name in the site of a file that is no page: browsers show a text."""
    return source.replace("/", "-") + ".txt"
