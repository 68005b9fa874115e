"""One layer of multi-level relational reasoning: region graph, two attentions, hierarchical gated fusion.

Paper: MGRR-Net section III-B, figure 2 and eq. 7. Our reading where it is silent: a source that an ablation leaves out is
skipped, the fusion that would have taken it hands on its other operand, and the fused global map is the next layer's O_G.
"""

from __future__ import annotations

from torch import Tensor, nn

from aufait.models.mgrr_net.config import MGRRNetConfig
from aufait.models.mgrr_net.gated_fusion import GatedFusion
from aufait.models.mgrr_net.graph_attention import ChannelAttention, PixelAttention
from aufait.models.mgrr_net.region_graph import RegionGraph


class ReasoningLayer(nn.Module):
    """v_i -> GFC(graph(v)_i, GFC(O_G, GFC(C_G, P_G))) for all action units at once (eq. 7).

    Only what the configuration uses is made, so an ablation has no idle weights.
    """

    def __init__(self, config: MGRRNetConfig) -> None:
        super().__init__()
        channels, units = config.channels, len(config.action_units)
        attention = {"dim": config.dim, "heads": config.heads}
        self.graph: RegionGraph | None = None
        self.channel: ChannelAttention | None = None
        self.pixel: PixelAttention | None = None
        self.fuse_levels: GatedFusion | None = None
        self.fuse_global: GatedFusion | None = None
        self.fuse_patches: GatedFusion | None = None
        if config.use_graph:
            random = config.graph_init == "random"
            self.graph = RegionGraph(units, channels, random_edges=random, self_term=config.graph_self_term)
        if config.use_channel:
            stride, norm = config.channel_stride, config.attention_norm
            self.channel = ChannelAttention(channels, config.map_size, **attention, stride=stride, norm=norm)
        if config.use_pixel:
            self.pixel = PixelAttention(channels, **attention, stride=config.pixel_stride, norm=config.attention_norm)
        if config.use_channel and config.use_pixel:
            self.fuse_levels = GatedFusion(channels, norm=config.gfc_norm)
        if config.use_global and (config.use_channel or config.use_pixel):
            self.fuse_global = GatedFusion(channels, norm=config.gfc_norm)
        if config.uses_global_map:
            groups = 1 if config.fusion_shared else units
            self.fuse_patches = GatedFusion(channels, norm=config.gfc_norm, groups=groups)
        self._update_global = config.update_global

    def forward(self, patches: Tensor, global_map: Tensor) -> tuple[Tensor, Tensor, Tensor | None]:
        """Patches (B, A * C, M, M) and O_G (B, C, M, M) -> both for the next layer, same shapes, and the graph's messages."""
        messages = None if self.graph is None else self.graph.messages(patches)
        if self.graph is not None and messages is not None:
            patches = self.graph.spread(messages)
        if self.fuse_patches is None:
            return patches, global_map, messages
        fused = self.fuse_sources(global_map)
        return self.fuse_patches(patches, fused), fused if self._update_global else global_map, messages

    def fuse_sources(self, global_map: Tensor) -> Tensor:
        """O_G (B, C, M, M) -> GFC(O_G, GFC(C_G, P_G)), the same for all action units of a face."""
        levels = [source(global_map) for source in (self.channel, self.pixel) if source is not None]
        if not levels:
            return global_map
        level = levels[0] if self.fuse_levels is None else self.fuse_levels(*levels)
        return level if self.fuse_global is None else self.fuse_global(global_map, level)
