# pyright: reportMissingImports=false
# conftest.py makes the package `twohand_extension`
"""The catalogues speak of texts that the interface has, in the context in which Blender looks them up."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import bpy
import pytest
from addon_session import registered
from take_factory import ROOT
from twohand_extension.twohand_blender import properties, registration, translations

Text = tuple[str, str]


def texts_of_classes() -> Iterator[Text]:
    """What Blender knows of the registered classes."""
    for item in registration.CLASSES:
        operator = issubclass(item, bpy.types.Operator)
        if hasattr(item, "bl_label"):
            yield ("Operator" if operator else "*", item.bl_label)
        if operator:
            yield "*", (item.__doc__ or "")
        yield from texts_of_properties(item.bl_rna)
    yield from texts_of_properties(properties.TWOHAND_PG_settings.bl_rna)


def texts_of_properties(structure: Any) -> Iterator[Text]:
    for prop in structure.properties:
        yield "*", prop.name
        yield "*", prop.description
        if prop.type == "ENUM":
            for choice in prop.enum_items:
                yield "*", choice.name
                yield "*", choice.description


def texts_in_code() -> Iterator[Text]:
    """Words that are drawn as they stand in the code: `text=` of buttons and labels, and whole sentences."""
    for path in (ROOT / "twohand_blender").rglob("*.py"):
        if path.parent.name == "translations":
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                context = "Operator" if node.func.attr == "operator" else "*"
                for keyword in node.keywords:
                    if keyword.arg == "text":
                        for part in ast.walk(keyword.value):
                            if isinstance(part, ast.Constant) and isinstance(part.value, str):
                                yield context, part.value
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value:
                yield "*", node.value


@pytest.fixture(scope="module")
def interface_texts() -> set[Text]:
    with registered():
        return {*texts_of_classes(), *texts_in_code()}


@pytest.mark.parametrize("language", sorted(translations.CATALOGUES))
def test_every_key_is_a_text_of_the_interface(language: str, interface_texts: set[Text]) -> None:
    unknown = [key for key in translations.CATALOGUES[language] if key not in interface_texts]
    assert not unknown


@pytest.mark.parametrize("language", sorted(translations.CATALOGUES))
def test_the_main_labels_are_translated(language: str) -> None:
    catalogue = translations.CATALOGUES[language]
    with registered():
        for item in registration.CLASSES:
            if issubclass(item, bpy.types.Panel) and item is not registration.panels.TWOHAND_PT_presets:
                assert catalogue.get(("*", item.bl_label)), item
    for text in ("Reconstruct Hands", "Cancel", "Show Overlay", "Export FBX..."):
        assert catalogue["Operator", text] != text


def labels_of_the_tab() -> Iterator[Text]:
    """What buttons, settings and their choices are called."""
    operators = {item.bl_idname: item.bl_label for item in registration.CLASSES if issubclass(item, bpy.types.Operator)}
    for path in (ROOT / "twohand_blender" / "panels").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "operator":
                given = {keyword.arg: ast.literal_eval(keyword.value) for keyword in node.keywords}
                name = ast.literal_eval(node.args[0]) if isinstance(node.args[0], ast.Constant) else ""
                yield "Operator", given.get("text", operators.get(name, ""))
    for prop in properties.TWOHAND_PG_settings.bl_rna.properties:
        if prop.identifier not in ("name", "rna_type", "boxes", "box_index"):
            yield "*", prop.name
            yield from (("*", item.name) for item in getattr(prop, "enum_items", ()))


def test_german_has_every_label_of_the_tab() -> None:
    alike = {"MANO", "InterShape", "CPU", "CUDA", ""}
    with registered():
        missing = {key for key in labels_of_the_tab() if key not in translations.CATALOGUES["de_DE"]}
    assert {text for _, text in missing} <= alike


def test_blender_gets_the_catalogues_and_is_told_to_forget_them(
    empty_file: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Blender as a module is built without translations, so what it is told is looked at."""
    told: dict[str, Any] = {}
    blender = SimpleNamespace(register=told.__setitem__, unregister=told.__delitem__)
    monkeypatch.setattr(translations, "bpy", SimpleNamespace(app=SimpleNamespace(translations=blender)))
    with registered():
        assert set(told) == {translations.__name__}
        assert told[translations.__name__]["de_DE"]["*", "Hand Shape"] == "Handform"
    assert not told
