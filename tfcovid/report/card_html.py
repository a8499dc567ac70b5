import xml.etree.ElementTree as etree

from markdown import Markdown
from markdown.extensions import Extension
from markdown.treeprocessors import Treeprocessor


class _Safe(Treeprocessor):
    """Pictures become their words, links that are not https lose their target, headings go two levels down."""

    def run(self, root: etree.Element) -> None:
        for element in root.iter():
            if element.tag == "img":
                words = element.get("alt", "")
                element.tag, element.text = "span", words
                element.attrib.clear()
            elif element.tag == "a":
                target = element.get("href", "")
                element.attrib.clear()
                if target.startswith("https://"):
                    element.attrib.update(href=target, rel="noopener noreferrer")
                else:
                    element.tag = "span"
            elif element.tag in ("h1", "h2", "h3", "h4"):
                element.tag = f"h{int(element.tag[1]) + 2}"


class _SafeExtension(Extension):
    def extendMarkdown(self, md: Markdown) -> None:
        # Without these two, raw HTML is text like any other and is escaped.
        md.preprocessors.deregister("html_block")
        md.inlinePatterns.deregister("html")
        md.treeprocessors.register(_Safe(md), "safe", 0)


def card_html(card: str) -> str:
    """A model card, Markdown with tables, as HTML that loads nothing and runs nothing.

    Raw HTML is shown as text. Links other than https, as those to files beside the card, are left as their words.
    Headings start at h3: the card is part of a page.
    """
    return Markdown(extensions=["tables", "sane_lists", _SafeExtension()]).convert(card)
