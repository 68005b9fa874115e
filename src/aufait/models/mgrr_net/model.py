"""MGRR-Net: patches of action units reason with each other and with the whole face, layer by layer.

Paper: Ge, Jose, Xu, Liu, Han, "MGRR-Net: Multi-level Graph Relational Reasoning Network for Facial Action Units Detection",
figure 2 and section III. No program was released; stem, face alignment and high-level extractors are JAA-Net's, which the paper
names as its source. Our reading where the paper is silent: patch i is the shared feature map times JAA-Net's refined attention
map of action unit i, so that it can be fused pixel by pixel as eq. 7 demands. ``MGRRNetConfig`` lists every other such choice.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn

from aufait.errors import InputError
from aufait.layers.attention_maps import PredefinedAttention
from aufait.layers.attention_refinement import AttentionRefinement
from aufait.layers.high_level import HighLevelExtractor
from aufait.layers.region_learning import RegionLearning
from aufait.losses.statistics import LabelStatistics
from aufait.models.jaa_net.face_alignment import FaceAlignment
from aufait.models.mgrr_net.config import MGRRNetConfig
from aufait.models.mgrr_net.heads import IntegratedHead, LocalHeads, mean_log_odds
from aufait.models.mgrr_net.reasoning import ReasoningLayer
from aufait.models.mgrr_net.region_graph import RegionGraph
from aufait.models.outputs import AUOutput
from aufait.models.system import AUSystem
from aufait.models.transfer_rule import JAA_NET_STAND_INS, TransferRule


class MGRRNet(AUSystem):
    """Aligned face -> action units and landmarks.

    Besides logits and landmarks the output has: ``attention_maps`` (B, A, M, M); ``features`` (B, A, hidden) of the local
    heads; with the graph, ``relations`` (B, A, A), see ``MGRRNetConfig.relevance``, taken from the last layer; and in
    ``extra``: ``local_logits`` and ``integrated_logits`` (B, A), and with the graph ``edges`` (B, K, A, A), the learned edges
    of all layers, the same for every face.
    """

    pixel_mean: ClassVar[float] = 0.5
    pixel_std: ClassVar[float] = 0.5
    transfer_rule: ClassVar[TransferRule] = TransferRule(
        JAA_NET_STAND_INS, ("integrated_head.", "local_heads.hidden", "local_heads.output", "layers.*.graph.edges")
    )

    def __init__(self, config: MGRRNetConfig) -> None:
        super().__init__(config)
        units, size, channels = len(config.action_units), config.map_size, config.channels
        self.stem = RegionLearning(config.unit)
        self.alignment = FaceAlignment(channels, config.unit, size)
        margin = AttentionRefinement.SHRINK if config.refine_attention else 0
        self.predefined = PredefinedAttention(config.action_units, config.image_size, size + margin)
        self.refinement = AttentionRefinement(units, channels) if config.refine_attention else None
        self.layers = nn.ModuleList(ReasoningLayer(config) for _ in range(config.layers if config.reasons else 0))
        self.local_heads = LocalHeads(units, channels, size, config.unit, config.local_hidden)
        self.global_extractor = HighLevelExtractor(channels, config.unit) if config.integrated_global else None
        extractor = self.local_heads.extractor
        features = extractor.out_channels * extractor.output_size(size) ** 2
        sources = 3 if config.integrated_global else 2
        self.integrated_head = IntegratedHead(sources * features, units, config.integrated_hidden)

    def initialise_from_labels(self, statistics: LabelStatistics) -> None:
        """Set the edges of every layer from the training labels (eq. 1 and 2), before training.

        Nothing happens where the configuration has no graph or asks for random edges.

        Raises:
            InputError: the statistics are not about this network's action units.
        """
        if len(statistics.occurrence_rate) != len(self.action_units):
            raise InputError(
                f"the label statistics cover {len(statistics.occurrence_rate)} action units, the network "
                f"{len(self.action_units)}; compute them from the labels of AUs {self.action_units}"
            )
        if self.config.graph_init == "prior":
            for graph in self.graphs():
                graph.initialise(statistics)

    def graphs(self) -> list[RegionGraph]:
        """The region graphs, layer by layer; empty without ``use_graph``."""
        return [layer.graph for layer in self.layers if isinstance(layer, ReasoningLayer) and layer.graph is not None]

    def _attention(self, points: Tensor, dtype: torch.dtype) -> Tensor:
        centers = self.predefined.centers(points)
        predefined = self.predefined.paint(centers).to(dtype)  # the layers' type: maps are painted in float32
        if self.refinement is None:
            return predefined
        return self.refinement(predefined, centers, self.predefined.half_window)

    def forward(self, images: Tensor, landmarks: Tensor | None = None) -> AUOutput:
        """Images (B, 3, S, S) in [0, 1] -> output; landmarks are predicted, given ones are ignored."""
        images, _ = self.prepare(images, landmarks)
        shared = self.stem(images)  # O_G (B, C, M, M)
        points, alignment_maps = self.alignment(shared)
        attention_maps = self._attention(points, shared.dtype)  # (B, A, M, M)
        patches = (shared.unsqueeze(1) * attention_maps.unsqueeze(2)).flatten(1, 2)  # (B, A * C, M, M)
        refined, relations = self._reason(patches, shared)
        local_logits, features, local_maps = self.local_heads(refined)
        integrated_logits = self._integrate(shared, alignment_maps, local_maps)
        extra = {"local_logits": local_logits, "integrated_logits": integrated_logits}
        if relations is not None:
            edges = torch.stack([graph.edges.detach() for graph in self.graphs()])
            extra["edges"] = edges.expand(images.shape[0], -1, -1, -1)
        return AUOutput(
            logits=mean_log_odds(local_logits, integrated_logits),
            landmarks=points,
            attention_maps=attention_maps,
            relations=relations,
            features=features,
            extra=extra,
        )

    def _reason(self, patches: Tensor, global_map: Tensor) -> tuple[Tensor, Tensor | None]:
        """Refined patches, and the relevance that the last graph gives to each pair of those it received."""
        entering, messages = patches, None
        for layer in self.layers:
            entering = patches
            patches, global_map, messages = layer(patches, global_map)
        if messages is None:
            return patches, None
        reading = self.config.relevance if self.config.sample_relevance else "edges"
        return patches, self.graphs()[-1].relevance(entering, messages, reading)

    def _integrate(self, shared: Tensor, alignment_maps: Tensor, local_maps: Tensor) -> Tensor:
        local_maps = local_maps.detach() if self.config.detach_local else local_maps
        global_maps = [] if self.global_extractor is None else [self.global_extractor(shared)]
        return self.integrated_head([alignment_maps, *global_maps, local_maps.mean(1)])
