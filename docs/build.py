"""Puts the pages of the documentation site together: `make docs`.

python docs/build.py [FOLDER]   writes the pages that MkDocs builds into FOLDER, else into out/pages

Pages of docs/ are copied, with four changes: pictures are drawn by the code before them, once for light and
once for dark; names in backticks such as `rl.sweep` become links to the reference; links to files of the
repository that are pages of the site become links to those; and the index of the reference is made from its
pages. Notebooks keep the outputs that they were saved with.
"""

from __future__ import annotations

import importlib
import os
import re
import shutil
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
sys.path.insert(0, str(DOCS))

import raftlab as rl  # noqa: E402
from blocks import Block, blocks, play  # noqa: E402

ELSEWHERE = {
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "ARCHITECTURE.md": "architecture.md",
    "benches/README.md": "performance.md",
}
"""Pages that stand elsewhere in the repository, and their names in the site."""

STYLES = {"light": "default", "dark": "dark_background"}
FENCE = re.compile(r"(^```.*?^```\n|^<!--.*?-->\n)", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"(\]\()([^)#:\s]+)((?:#[^)\s]*)?\))")
NAME = re.compile(r"(?<!\[)`rl\.((?:(?:plot|presets|experiments|published)\.)?\w+)(\([^`]*\))?`")
REFERENCE = re.compile(r"^::: raftlab\.(\S+)$", re.MULTILINE)


def pages() -> dict[str, Path]:
    """Every page but what is made here: its place in the site, and its file."""
    found = {path.relative_to(DOCS).as_posix(): path for path in sorted(DOCS.rglob("*.md"))}
    found |= {page: ROOT / path for path, page in ELSEWHERE.items()}
    notebooks = sorted((ROOT / "notebooks").glob("*.ipynb"))
    return found | {f"notebooks/{path.stem}.md": path for path in notebooks}


def documented() -> dict[str, str]:
    """Every name in the reference, without `raftlab.`, and the page that has it."""
    found: dict[str, str] = {}
    for path in sorted((DOCS / "reference").glob("*.md")):
        for name in REFERENCE.findall(path.read_text(encoding="utf-8")):
            if name in found:
                raise ValueError(f"raftlab.{name} is in reference/{found[name]} and in reference/{path.name}")
            found[name] = path.name
    return found


MODULES = ["plot", "presets", "steps", "experiments", "published"]
"""What `raftlab` has that has public names itself."""


def public_names() -> list[str]:
    """Every public name of raftlab, without `raftlab.`; the short one of those that have two."""
    names = [name for name in rl.__all__ if not name.startswith("__") and name not in MODULES]
    for module in MODULES:
        own = importlib.import_module(f"raftlab.{module}")
        short = {name for name in own.__all__ if getattr(own, name) is vars(rl).get(name)}
        names += [f"{module}.{name}" for name in own.__all__ if name not in short]
    return names


def build(folder: Path) -> None:
    """Writes all pages and their pictures."""
    if left_out := set(public_names()) ^ set(documented()):
        raise ValueError(f"docs/reference and the public names differ in {', '.join(sorted(left_out))}")
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(DOCS / "pictures", folder / "pictures", ignore=shutil.ignore_patterns("*.py"))
    shutil.copy(DOCS / "site.css", folder / "site.css")
    with ProcessPoolExecutor(max_workers=os.cpu_count()) as workers:
        drawing = [workers.submit(draw, *task) for task in to_draw(folder)]
        for page, path in pages().items():
            saved = path.suffix == ".ipynb"
            write(folder / page, notebook(path, folder / page) if saved else written(page, path))
        for one in drawing:
            one.result()


def write(path: Path, text: str) -> None:
    """Writes a page, with the folders that it needs."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def written(page: str, path: Path) -> str:
    """A page as the site has it."""
    text = path.read_text(encoding="utf-8")
    if page == "reference/index.md":
        text += index()
    text = with_pictures(page, text)
    parts = FENCE.split(text)
    parts[::2] = [with_links(page, path, part) for part in parts[::2]]
    return "".join(parts)


def index() -> str:
    """All names of the reference, by page."""
    lines = ["\n| page | names |", "|---|---|"]
    for path in sorted((DOCS / "reference").glob("*.md")):
        text = path.read_text(encoding="utf-8")
        names = ", ".join(f"[`{name}`][raftlab.{name}]" for name in REFERENCE.findall(text))
        if names:
            lines.append(f"| [{text.splitlines()[0].removeprefix('# ')}]({path.name}) | {names} |")
    return "\n".join(lines) + "\n"


def with_pictures(page: str, text: str) -> str:
    """A page with pictures where its comments ask for them, and without what is hidden."""
    new, last = "", 0
    for number, block in enumerate(blocks(text)):
        shown = ""
        if block.picture is not None:
            shown = "".join(
                f"![{block.picture}]({picture(page, number, style)}#only-{style})\n" for style in STYLES
            )
        elif text.startswith("```", block.start):
            continue
        new, last = new + text[last : block.start] + shown, block.end
    return new + text[last:]


def picture(page: str, number: int, style: str) -> str:
    """The file of a picture, seen from its page."""
    return f"drawn/{PurePosixPath(page).stem}_{number}_{style}.png"


def with_links(page: str, path: Path, text: str) -> str:
    """Prose with links to the reference, and to other pages of the repository by their names in the site."""
    known = documented()

    def to_name(found: re.Match[str]) -> str:
        return f"[{found[0]}][raftlab.{found[1]}]" if found[1] in known else found[0]

    sites = {file.resolve(): name for name, file in pages().items()}

    def to_page(found: re.Match[str]) -> str:
        target = sites.get((path.parent / found[2]).resolve())
        if target is None:
            return found[0]
        return f"{found[1]}{os.path.relpath(target, PurePosixPath(page).parent)}{found[3]}"

    return LINK.sub(to_page, NAME.sub(to_name, text))


def to_draw(folder: Path) -> Iterator[tuple[str, str, Path]]:
    """Each page with pictures, in each style."""
    for page, path in pages().items():
        if path.suffix == ".md" and any(block.picture is not None for block in blocks(path.read_text())):
            for style in STYLES:
                yield page, style, folder


def draw(page: str, style: str, folder: Path) -> None:
    """Draws the pictures of a page in one style."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    text = pages()[page].read_text(encoding="utf-8")
    numbers = {block.start: number for number, block in enumerate(blocks(text))}
    last = max(block.end for block in blocks(text) if block.picture is not None)

    def save(block: Block) -> None:
        path = folder / PurePosixPath(page).parent / picture(page, numbers[block.start], style)
        path.parent.mkdir(parents=True, exist_ok=True)
        plt.gcf().savefig(path, dpi=110, transparent=True)

    with plt.style.context(STYLES[style]):
        play(page, text[:last], save)


def notebook(path: Path, page: Path) -> str:
    """A notebook as Markdown; its pictures are written beside the page."""
    from nbconvert import MarkdownExporter

    text, resources = MarkdownExporter().from_filename(
        str(path), resources={"output_files_dir": f"{path.stem}_files"}
    )
    for name, data in resources["outputs"].items():
        (page.parent / name).parent.mkdir(parents=True, exist_ok=True)
        (page.parent / name).write_bytes(data)
    return str(text)


if __name__ == "__main__":
    build(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "out" / "pages")
