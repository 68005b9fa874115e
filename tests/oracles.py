"""Plain-loop twins of the shared layers, JAA-Net, Deep Regions and DRML: a small module per patch or action unit, a step per pixel.

They are arranged as the authors' released program is, and serve as the truth our batched layers are held against: in the tests
for equality, in the benchmarks for speed. ``copy_*`` functions put our weights into them.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from aufait.au_centers import AU_CENTER_RULES, AUCenterRule
from aufait.landmarks import LANDMARKS_49, POINTS
from aufait.layers.attention_refinement import AttentionRefinement
from aufait.layers.high_level import HighLevelExtractor
from aufait.layers.region_learning import RegionLearning
from aufait.layers.region_stage import GRIDS, PatchConvolution, RegionStage
from aufait.models.deep_regions import DeepRegions
from aufait.models.deep_regions.config import KERNEL_PRESETS
from aufait.models.drml import DRML
from aufait.models.jaa_net import JAANet, JAANetConfig
from aufait.models.outputs import AUOutput


class PatchConvolutionLoop(nn.Module):
    """BatchNorm, ReLU and convolution of every patch on its own; rows and columns are concatenated one by one."""

    def __init__(self, grid: int, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.grid = grid
        self.norms = nn.ModuleList(nn.BatchNorm2d(in_channels) for _ in range(grid * grid))
        self.convs = nn.ModuleList(nn.Conv2d(in_channels, out_channels, 3, padding=1) for _ in range(grid * grid))

    def forward(self, feature_map: Tensor) -> Tensor:
        rows = []
        for i, strip in enumerate(feature_map.split(feature_map.shape[2] // self.grid, 2)):
            row = None
            for j, patch in enumerate(strip.split(feature_map.shape[3] // self.grid, 3)):
                index = i * self.grid + j
                result = self.convs[index](F.relu(self.norms[index](patch.contiguous()), inplace=True))
                row = result if row is None else torch.cat([row, result], 3)
            rows.append(row)
        return torch.cat(rows, 2)


class RegionStageLoop(nn.Module):
    def __init__(self, in_channels: int, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, channels, 3, padding=1)
        widths = (channels, channels // 2, channels // 4, channels // 4)
        self.branches = nn.ModuleList(PatchConvolutionLoop(grid, widths[k], widths[k + 1]) for k, grid in enumerate(GRIDS))
        self.norm = nn.BatchNorm2d(channels)

    def forward(self, feature_map: Tensor) -> Tensor:
        shared = self.conv(feature_map)
        first = self.branches[0](shared)
        second = self.branches[1](first)
        third = self.branches[2](second)
        merged = shared + torch.cat([first, second, third], 1)
        return F.max_pool2d(F.relu(self.norm(merged), inplace=True), 2)


class RegionLearningLoop(nn.Module):
    def __init__(self, unit: int = 8) -> None:
        super().__init__()
        self.stages = nn.ModuleList([RegionStageLoop(3, 4 * unit), RegionStageLoop(4 * unit, 8 * unit)])

    def forward(self, images: Tensor) -> Tensor:
        return self.stages[1](self.stages[0](images))


class AttentionRefinementLoop(nn.Module):
    """A sequence of convolutions per action unit, maps concatenated one by one."""

    def __init__(self, action_units: int, channels: int = 64) -> None:
        super().__init__()
        self.branches = nn.ModuleList(self._branch(channels) for _ in range(action_units))

    @staticmethod
    def _branch(channels: int) -> nn.Sequential:
        layers: list[nn.Module] = []
        for width in (1, channels, channels):
            layers += [nn.Conv2d(width, channels, 3), nn.BatchNorm2d(channels), nn.ReLU(inplace=True)]
        return nn.Sequential(*layers, nn.Conv2d(channels, 1, 3), nn.Sigmoid())

    def forward(self, maps: Tensor) -> Tensor:
        refined = None
        for k, branch in enumerate(self.branches):
            result = branch(maps[:, k].unsqueeze(1))
            refined = result if refined is None else torch.cat([refined, result], 1)
        return refined


class ExtractorLoop(nn.Module):
    """High-level extractor of one action unit."""

    def __init__(self, in_channels: int, unit: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        width = in_channels
        for out in (12 * unit, 16 * unit, 20 * unit):
            for block_in in (width, out):
                layers += [nn.Conv2d(block_in, out, 3, padding=1), nn.BatchNorm2d(out), nn.ReLU(inplace=True)]
            layers.append(nn.MaxPool2d(2))
            width = out
        self.layers = nn.Sequential(*layers)

    def forward(self, feature_map: Tensor) -> Tensor:
        return self.layers(feature_map)


class HighLevelLoop(nn.Module):
    """One extractor after the other, each on its own channels."""

    def __init__(self, in_channels: int = 64, unit: int = 8, groups: int = 1) -> None:
        super().__init__()
        self.extractors = nn.ModuleList(ExtractorLoop(in_channels, unit) for _ in range(groups))

    def forward(self, feature_map: Tensor) -> Tensor:
        parts = feature_map.chunk(len(self.extractors), 1)
        return torch.cat([extractor(part) for extractor, part in zip(self.extractors, parts, strict=True)], 1)


def paint_maps(landmarks: Tensor, action_units: Sequence[int], image_size: int, map_size: int) -> Tensor:
    """Predefined maps (B, A, M, M) painted pixel by pixel; units with the same centres share one painting, as released."""
    table = AU_CENTER_RULES["jaa_net"]
    maps = torch.zeros(len(landmarks), len(action_units), map_size, map_size)
    for face, points in enumerate(landmarks.detach().float().numpy()):
        eyes = [points[LANDMARKS_49.index(POINTS[name]), 0] for name in ("right_eye_inner", "left_eye_inner")]
        unit = abs(eyes[0] - eyes[1])
        painted: dict[AUCenterRule, Tensor] = {}
        for index, number in enumerate(action_units):
            rule = table[number]
            if rule in painted:
                maps[face, index] = painted[rule]
                continue
            for group in (rule.first, rule.second):
                chosen = [points[LANDMARKS_49.index(k)] for k in group]
                x = sum(float(point[0]) for point in chosen) / len(chosen)
                y = sum(float(point[1]) for point in chosen) / len(chosen) + float(unit) * rule.offset
                _paint_bump(maps[face, index], x * map_size / image_size, y * map_size / image_size)
            painted[rule] = maps[face, index]
    return maps


def _paint_bump(canvas: Tensor, x: float, y: float) -> None:
    size = canvas.shape[0]
    half = round((size - 1) / 2 * 0.14)
    x, y = round(x), round(y)
    left, right = (min(max(x + shift, 0), size - 1) for shift in (-half, half))
    top, bottom = (min(max(y + shift, 0), size - 1) for shift in (-half, half))
    for row in range(top, bottom + 1):
        for column in range(left, right + 1):
            canvas[row, column] = max(1 - (abs(row - y) + abs(column - x)) * 0.56 / (size * 0.14), canvas[row, column])


class JAANetLoop(nn.Module):
    """JAA-Net as its released program runs it.

    Args:
        config: of the network.
        paint: whether the predefined maps are painted in Python; otherwise they come from our tensor version.
    """

    def __init__(self, model: JAANet, *, paint: bool = True) -> None:
        super().__init__()
        config: JAANetConfig = model.config
        units, width = len(config.action_units), 8 * config.unit
        self.config, self.paint = config, paint
        self.region = RegionLearningLoop(config.unit)
        self.align = ExtractorLoop(width, config.unit)
        self.predefined = model.adaptive_attention.predefined
        self.refinement = AttentionRefinementLoop(units, width)
        self.local = nn.ModuleList(ExtractorLoop(width, config.unit) for _ in range(units))
        self.whole = ExtractorLoop(width, config.unit)
        features = 20 * config.unit * (config.map_size // 8) ** 2
        self.align_output = nn.Sequential(nn.Linear(features, 512), nn.Linear(512, 98))
        self.local_output = nn.ModuleList(
            nn.Sequential(nn.Linear(features, width), nn.Linear(width, 2)) for _ in range(units if config.version == 2 else 0)
        )
        self.au_output = nn.Sequential(nn.Linear(3 * features, 64 * config.unit), nn.Linear(64 * config.unit, 2 * units))
        self._copy(model)
        self.train(model.training)

    def _copy(self, model: JAANet) -> None:
        copy_region_learning(model.region_learning, self.region)
        copy_groups(model.face_alignment.extractor, [self.align])
        copy_groups(model.adaptive_attention.refinement, list(self.refinement.branches))
        copy_groups(model.local_detection.extractor, list(self.local))
        copy_groups(model.global_extractor, [self.whole])
        for k, ours in enumerate((model.face_alignment.hidden, model.face_alignment.output)):
            self.align_output[k].load_state_dict(ours.state_dict())
        for k, ours in enumerate((model.detection.hidden, model.detection.output)):
            self.au_output[k].load_state_dict(ours.state_dict())
        for unit, classifier in enumerate(self.local_output):
            for k, grouped in enumerate((model.local_detection.hidden, model.local_detection.output)):
                classifier[k].load_state_dict({name: value[unit] for name, value in grouped.state_dict().items()})

    def forward(self, images: Tensor) -> AUOutput:
        shared = self.region((images - 0.5) / 0.5)
        alignment = self.align(shared)
        landmarks = self.align_output(alignment.flatten(1)).view(len(images), -1, 2)
        maps = self._predefined(landmarks)
        refined = self.refinement(maps)
        local, local_scores = self._local(shared, refined)
        if self.config.version == 2:
            local = local.detach()
        scores = self.au_output(torch.cat([alignment, self.whole(shared), local], 1).flatten(1)).view(len(images), 2, -1)
        log_probability = F.log_softmax(scores, 1)
        extra = {"predefined_maps": F.interpolate(maps, size=refined.shape[2])}
        if local_scores is not None:
            extra["local_logits"] = local_scores[:, 1] - local_scores[:, 0]
        logits = log_probability[:, 1] - log_probability[:, 0]
        return AUOutput(logits=logits, landmarks=landmarks, attention_maps=refined, extra=extra)

    def _predefined(self, landmarks: Tensor) -> Tensor:
        if not self.paint:
            return self.predefined(landmarks)
        return paint_maps(landmarks, self.config.action_units, self.config.image_size, self.config.predefined_map_size)

    def _local(self, shared: Tensor, refined: Tensor) -> tuple[Tensor, Tensor | None]:
        total, scores = None, None
        for k, branch in enumerate(self.local):
            features = branch(shared * refined[:, k].unsqueeze(1))
            total = features if total is None else total + features
            if self.config.version == 2:
                result = F.log_softmax(self.local_output[k](features.flatten(1)).view(len(shared), 2, 1), 1)
                scores = result if scores is None else torch.cat([scores, result], 2)
        return total / len(self.local), scores


def copy_groups(ours: nn.Module, loops: Sequence[nn.Module]) -> None:
    """Weights and running statistics of a grouped module into one module per group; entries correspond in their order."""
    groups = len(loops)
    for index, loop in enumerate(loops):
        pairs = zip(loop.state_dict().items(), ours.state_dict().values(), strict=True)
        loop.load_state_dict({name: value if value.ndim == 0 else value.chunk(groups)[index] for (name, _), value in pairs})


def copy_region_learning(ours: RegionLearning, loop: RegionLearningLoop) -> None:
    """Weights and running statistics of the region module."""
    for stage, stage_loop in zip(ours.stages, loop.stages, strict=True):
        assert isinstance(stage, RegionStage) and isinstance(stage_loop, RegionStageLoop)
        stage_loop.conv.load_state_dict(stage.conv.state_dict())
        stage_loop.norm.load_state_dict(stage.norm.state_dict())
        for branch, branch_loop in zip(stage.branches, stage_loop.branches, strict=True):
            copy_patch_convolution(branch, branch_loop)


def copy_patch_convolution(ours: PatchConvolution, loop: PatchConvolutionLoop) -> None:
    """Weights and running statistics of one branch."""
    copy_groups(ours.norm, list(loop.norms))
    copy_groups(ours.conv, list(loop.convs))


def loop_of(ours: RegionLearning | AttentionRefinement | HighLevelExtractor, loop: nn.Module) -> nn.Module:
    """``loop`` with the weights, statistics and mode of ``ours``."""
    if isinstance(loop, RegionLearningLoop):
        assert isinstance(ours, RegionLearning)
        copy_region_learning(ours, loop)
    elif isinstance(loop, AttentionRefinementLoop):
        copy_groups(ours, list(loop.branches))
    elif isinstance(loop, HighLevelLoop):
        copy_groups(ours, list(loop.extractors))
    return loop.train(ours.training)


class OnePatch(nn.Module):
    """Conv2 to Conv6 of a single patch."""

    def __init__(self, model: DeepRegions, patch: int) -> None:
        super().__init__()
        shapes = KERNEL_PRESETS[model.config.kernel_preset]
        inputs = [32, *(shape.filters for shape in shapes)]
        self.convolutions = nn.ModuleList(
            nn.Conv2d(channels, shape.filters, shape.kernel, shape.stride, shape.padding)
            for channels, shape in zip(inputs, shapes, strict=False)
        )
        for number, (layer, shape) in enumerate(zip(self.convolutions, shapes, strict=True), start=2):
            grouped = model.regions.layers.get_submodule(f"conv{number}")
            own = slice(patch * shape.filters, (patch + 1) * shape.filters)
            layer.load_state_dict({"weight": grouped.weight[own], "bias": grouped.bias[own]})

    def forward(self, patch: Tensor) -> Tensor:
        for layer in self.convolutions:
            patch = layer(patch).relu()
        return patch.flatten(1)


def slice_patch(feature_map: Tensor, x: float, y: float, size: int) -> Tensor:
    """A window (C, size, size) of one map (C, H, W) by plain slicing."""
    height, width = feature_map.shape[1:]
    half = size // 2
    # The centre is held in the range that keeps the window inside; Python rounds halves to even, too.
    left = round(min(max(x, half), width - size + half)) - half
    top = round(min(max(y, half), height - size + half)) - half
    return feature_map[:, top : top + size, left : left + size]


class DeepRegionsLoop(nn.Module):
    """The network as nested loops over faces and patches."""

    def __init__(self, model: DeepRegions) -> None:
        super().__init__()
        self.model = model
        self.patches = nn.ModuleList(OnePatch(model, patch) for patch in range(model.config.groups))

    def local_features(self, images: Tensor, landmarks: Tensor) -> Tensor:
        feature_map = F.conv2d(images, self.model.conv1.weight, self.model.conv1.bias).relu()
        faces = []
        for face, points in zip(feature_map, landmarks.tolist(), strict=True):
            vectors = []
            for number, layers in zip(self.model.config.patch_landmarks, self.patches, strict=True):
                x, y = points[number - 1]
                vectors.append(layers(slice_patch(face, x - 5, y - 5, 48)[None])[0])
            faces.append(torch.cat(vectors))
        return torch.stack(faces)

    def forward(self, images: Tensor, landmarks: Tensor) -> Tensor:
        hidden = self.model.fully7(self.local_features(images, landmarks)).relu()
        return self.model.output(self.model.fully8(hidden).relu())


class DRMLLoop(nn.Module):
    """DRML with a loop over its 64 regions, each with its own layers."""

    def __init__(self, model: DRML) -> None:
        super().__init__()
        self.model = model
        channels, region = model.config.stem_channels, model.region
        self.norms, self.convolutions = nn.ModuleList(), nn.ModuleList()
        for number in range(region.grid**2):
            part = slice(number * channels, (number + 1) * channels)
            norm, convolution = nn.BatchNorm2d(channels, affine=False), nn.Conv2d(channels, channels, 3, padding=1)
            norm.load_state_dict({name: value[part] if value.ndim else value for name, value in region.norm.state_dict().items()})
            convolution.load_state_dict({"weight": region.conv.weight[part], "bias": region.conv.bias[part]})
            self.norms.append(norm)
            self.convolutions.append(convolution)

    def forward(self, images: Tensor) -> Tensor:
        model = self.model
        stem = model.stem(model.prepare(images, None)[0])
        side = stem.shape[-1] // model.region.grid
        rows = []
        for row in range(model.region.grid):
            line = []
            for column in range(model.region.grid):
                number = row * model.region.grid + column
                part = stem[..., row * side : (row + 1) * side, column * side : (column + 1) * side]
                line.append(part + self.convolutions[number](self.norms[number](part).relu()))
            rows.append(torch.cat(line, -1))
        features = model.convolutions(model.norm(F.max_pool2d(torch.cat(rows, -2).relu(), 2))).flatten(1)
        for layer in model.hidden:
            features = layer(features).relu()
        return model.output(features)
