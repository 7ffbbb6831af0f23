"""Make the table of the concepts' names in other languages out of emojibase's labels, fetched with npm.

    python benchmarks/translations.py

Writes ``src/overpaint/emoji/translations.json``. Emojibase (MIT) takes its labels from the Unicode CLDR (Unicode-3.0).
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from overpaint.emoji.recipe.aliases import bare
from overpaint.emoji.recipe.sources import KEYWORD_LISTS, fetch
from overpaint.emoji.vocabulary import Vocabulary
from overpaint.files import write_text_atomic

LANGUAGES = ("de", "es", "fr", "it", "pt")
"""With Latin letters: the bundled model's tokenizer spells others byte by byte."""
OUT = Path(__file__).parent.parent / "src/overpaint/emoji/translations.json"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, default=Path(".work/emoji"), help="where packages are unpacked")
    options = parser.parse_args()
    (package,) = (package for package in KEYWORD_LISTS if package.name == "emojibase-data")
    folder = fetch(options.work, [package]) / package.folder
    labels = [labelled(folder / language / "compact.json") for language in LANGUAGES]
    names = {}
    for concept in Vocabulary.load().concepts:
        found = [table.get(bare(concept.emoji), "") for table in labels]
        if all(found):
            names[concept.name] = found
    head = json.dumps({"source": f"{package.name} {package.version}", "languages": LANGUAGES})
    rows = ",\n".join(f"{json.dumps(name)}: {json.dumps(row, ensure_ascii=False)}" for name, row in names.items())
    write_text_atomic(OUT, f'{head[:-1]}, "names": {{\n{rows}\n}}}}\n')
    print(f"{OUT}: {len(names)} concepts in {len(LANGUAGES)} languages")


def labelled(path: Path) -> dict[str, str]:
    """Labels by bare emoji."""
    return {bare(entry["unicode"]): entry["label"] for entry in json.loads(path.read_text(encoding="utf-8"))}


if __name__ == "__main__":
    main()
