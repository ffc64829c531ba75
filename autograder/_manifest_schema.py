"""The manifest's schema; imported only when a manifest is read."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

Identifier = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
Positive = Annotated[float, Field(gt=0)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class LimitsModel(_Strict):
    """What student code may use; absent keys take the assignment's defaults."""

    cpu_s: Positive | None = None
    wall_s: Positive | None = None
    memory_mb: Annotated[int, Field(ge=64)] | None = None
    threads: Annotated[int, Field(ge=1, le=256)] | None = None
    output_kb: Annotated[int, Field(ge=1)] | None = None


class QuestionModel(_Strict):
    """One ``[[questions]]`` table."""

    id: Annotated[str, Field(pattern=r"^\d+(\.\d+)?$")]
    name: Identifier
    title: Annotated[str, Field(min_length=3)]
    points: Positive
    kind: Literal["code", "artifact", "written"] = "code"
    bonus: bool = False
    stand_ins: list[Identifier] = []
    artifact: str = ""
    limits: LimitsModel | None = None

    @model_validator(mode="after")
    def _artifact_has_a_file(self) -> QuestionModel:
        if (self.kind == "artifact") != bool(self.artifact):
            raise ValueError("a question of kind 'artifact', and no other, names the file in `artifact`")
        return self


class ManifestModel(_Strict):
    """``assignment.toml``."""

    slug: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
    title: Annotated[str, Field(min_length=3)]
    version: Annotated[str, Field(pattern=r"^\d+\.\d+\.\d+$")]
    files: list[str] = []
    data: list[str] = []
    preload: list[str] = ["numpy"]
    limits: LimitsModel = LimitsModel()
    load_limits: LimitsModel | None = None
    questions: Annotated[list[QuestionModel], Field(min_length=1)]

    @field_validator("files", "data")
    @classmethod
    def _paths_stay_inside(cls, paths: list[str]) -> list[str]:
        for path in paths:
            if path.startswith("/") or ".." in path.split("/") or "\\" in path:
                raise ValueError(f"{path!r} must be a relative path inside the assignment's folder")
        return paths

    @field_validator("questions")
    @classmethod
    def _ids_are_unique(cls, questions: list[QuestionModel]) -> list[QuestionModel]:
        for what in ("id", "name"):
            seen: set[str] = set()
            for question in questions:
                value = getattr(question, what)
                if value in seen:
                    raise ValueError(f"two questions have the {what} {value!r}; each needs its own")
                seen.add(value)
        return questions
