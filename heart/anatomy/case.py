"""A case: which heart, in one folder with a case.yaml and the files it names.

The models refuse unknown keys and paths out of the folder, so that a misspelt recipe is an error
and not a default, and a case from a stranger cannot read other files. Lengths are text with a
unit and become millimetres here.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, PrivateAttr, Tag, model_validator

from heart.anatomy.image import AffineChoice, LabelImage, LabelKey, read_label_image, to_labels
from heart.anatomy.labels import Label, LabelVolume
from heart.anatomy.presets import REQUIRED, load_preset, parse_keys, parse_label
from heart.anatomy.recipe import Patient, Repair
from heart.core.errors import ScenarioError
from heart.core.paths import inside
from heart.core.validation import Quantity, Section, fault, validate
from heart.core.yaml import load_yaml

SurfaceRole = Literal[
    "lv_endo", "rv_endo", "epi", "base", "mitral", "aortic", "tricuspid", "pulmonary"
]
MILLIMETRES = {"mm": 1.0, "cm": 10.0, "m": 1000.0, "um": 0.001}
Length = Annotated[float, Quantity("mm", 0.0, 1000.0, note="A length of the idealised shape")]


class ImageSource(Section):
    """A label map and what its numbers mean."""

    image: str
    labels: Annotated[dict[str, Any], Field(min_length=1)] | None = None
    preset: str | None = None
    affine: AffineChoice = "auto"

    @model_validator(mode="after")
    def _one_meaning(self) -> ImageSource:
        if (self.labels is None) == (self.preset is None):
            raise fault("value", "give either `labels` (names to values) or `preset`")
        return self

    def meaning(self, *, where: str = "case.yaml") -> dict[Label, tuple[LabelKey, ...]]:
        """Return the values of each label, from `labels` or from the preset."""
        if self.preset is not None:
            return load_preset(self.preset, where=where).labels
        return {
            parse_label(name, where=where): parse_keys(keys, where=where)
            for name, keys in (self.labels or {}).items()
        }


class RegionArray(Section):
    """How one surface names its parts: an array of numbers on its points or cells."""

    array: str
    values: dict[SurfaceRole, int]


class Surfaces(Section):
    """One closed surface with a region array, or one file per role."""

    file: str | None = None
    regions: RegionArray | None = None
    files: dict[SurfaceRole, str] | None = None
    unit: Literal["mm", "cm", "m", "um"]

    @model_validator(mode="after")
    def _one_form(self) -> Surfaces:
        if (self.file is None) == (self.files is None):
            raise fault("value", "give either `file` with `regions`, or `files` by role")
        if (self.file is None) != (self.regions is None):
            raise fault("value", "`regions` belongs to `file` and says which values are which part")
        return self

    @property
    def millimetres(self) -> float:
        """Length of one unit of the files in mm."""
        return MILLIMETRES[self.unit]


class SurfaceSource(Section):
    """Closed surfaces instead of an image."""

    surfaces: Surfaces


class Idealised(Section):
    """A heart from a formula; `parameters` are lengths in mm by the names of its function."""

    kind: Literal["lv_ellipsoid", "biv_ellipsoid", "slab"]
    parameters: dict[str, Length] = Field(default_factory=dict)


class IdealisedSource(Section):
    """An idealised shape instead of an image."""

    idealised: Idealised


Coordinate = Annotated[float, Quantity("mm", -5000.0, 5000.0, note="A RAS coordinate")]
KINDS = {"image": "label map", "surfaces": "closed surfaces", "idealised": "idealised shape"}


def _kind_of_source(source: Any) -> str | None:
    """Return which of the three kinds of source this is, by the key that only it has."""
    if isinstance(source, Section):
        source = source.model_fields_set
    if not isinstance(source, dict | set):
        return None
    found = [kind for key, kind in KINDS.items() if key in source]
    return found[0] if len(found) == 1 else None


Source = Annotated[
    Annotated[ImageSource, Tag("label map")]
    | Annotated[SurfaceSource, Tag("closed surfaces")]
    | Annotated[IdealisedSource, Tag("idealised shape")],
    Discriminator(
        _kind_of_source,
        custom_error_type="heart_value",
        custom_error_message="{what}",
        custom_error_context={
            "what": "cannot tell the kind of source",
            "expected": f"exactly one of the keys {', '.join(KINDS)}",
            "fix": "",
        },
    ),
]


class BasePlane(Section):
    """Where the ventricles are cut, for maps whose atria nobody labelled.

    Attributes
    ----------
    point
        A point of the plane in RAS.
    normal
        Direction out of the ventricles, any length.
    """

    point: tuple[Coordinate, Coordinate, Coordinate]
    normal: tuple[float, float, float]

    @model_validator(mode="after")
    def _has_direction(self) -> BasePlane:
        if not any(self.normal):
            raise fault("value", "the normal of the base plane is zero")
        return self


class Case(Section):
    """Everything that says which heart this is.

    Attributes
    ----------
    name
        Identifier, ``[A-Za-z0-9_-]{1,64}``; never a patient's name.
    source
        Label map, closed surfaces or idealised shape.
    base_plane
        Where the ventricles end, when the labels do not say so.
    repair
        Recipe of the repair step; only label maps are repaired.
    patient
        Height, weight and sex for the torso, where known.
    licence, attribution, notes
        Shown in every report.
    """

    name: str = Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")
    source: Source
    base_plane: BasePlane | None = None
    repair: Repair = Repair()
    patient: Patient | None = None
    licence: str = ""
    attribution: str = ""
    notes: str = ""
    _folder: Path = PrivateAttr(default=Path())

    @property
    def folder(self) -> Path:
        """Folder of case.yaml; no file outside it is read."""
        return self._folder

    def file(self, name: str) -> Path:
        """Return the file `name` of this case.

        Raises
        ------
        UnsafeInputError
            It lies outside the folder of the case.
        ScenarioError
            There is no such file.
        """
        return inside(self._folder / name, self._folder, where="case.yaml")

    def file_names(self) -> list[str]:
        """Return the names of all files the case is made from, in a fixed order."""
        if isinstance(self.source, ImageSource):
            return [self.source.image]
        if isinstance(self.source, SurfaceSource):
            surfaces = self.source.surfaces
            return [surfaces.file] if surfaces.file else sorted((surfaces.files or {}).values())
        return []

    def content(self) -> list[object]:
        """Return what the geometry depends on, for `heart.core.cache.content_hash`."""
        plain = self.model_dump(mode="json", include={"source", "base_plane", "repair"})
        meaning: object = None
        if isinstance(self.source, ImageSource):
            meaning = {label.name: keys for label, keys in self.source.meaning().items()}
        return [plain, meaning, *(self.file(name) for name in self.file_names())]


def load_case(path: Path | str) -> Case:
    """Read a case from its folder or its case.yaml.

    Parameters
    ----------
    path
        The folder, or the YAML file in it.

    Returns
    -------
    Case
        Validated; every file it names exists inside the folder.

    Raises
    ------
    ScenarioError
        Missing file, unknown key, wrong type.
    UnitError, ParameterError
        A length without unit or out of range.
    UnsafeInputError
        A path out of the folder.
    """
    path = Path(path)
    if path.is_dir():
        path = path / "case.yaml"
    document = load_yaml(path, path.parent)
    case = validate(Case, document)
    case._folder = path.resolve().parent
    for name in case.file_names():
        inside(case.folder / name, case.folder, where=document.where(("source",)))
    if isinstance(case.source, ImageSource):
        case.source.meaning(where=document.where(("source",)))
    return case


def load_labels(case: Case) -> tuple[LabelVolume, list[str]]:
    """Read the label map of an image case, in canonical labels, before any repair.

    Returns
    -------
    LabelVolume
        Canonical labels.
    list of str
        One line per value that no label names.

    Raises
    ------
    ScenarioError
        The case has no image.
    ImageError, LabelError, UnitError, UnsafeInputError
        As `read_label_image` and `to_labels`.
    """
    if not isinstance(case.source, ImageSource):
        raise ScenarioError(f"case {case.name} has no label map", expected="`source: image:`")
    image = load_image(case)
    required = REQUIRED if case.source.preset is not None else None
    return to_labels(image, case.source.meaning(), required=required, where=case.source.image)


def load_image(case: Case) -> LabelImage:
    """Read the label map of an image case with the user's own numbers."""
    if not isinstance(case.source, ImageSource):
        raise ScenarioError(f"case {case.name} has no label map", expected="`source: image:`")
    return read_label_image(case.file(case.source.image), affine=case.source.affine)
