"""Wan2.2-S2V as a slow, literal statement in float64: no cache, no ring, every token's place worked out by itself.

The whole stream is one sequence of groups: the tokens beside the stream, then block after block. A block attends to the
latents its window still holds and to the tokens beside it, those only to each other.
"""

from __future__ import annotations

from dataclasses import dataclass

from engine.diffusion.config import TrunkShape
from tests.engine.diffusion.oracle import AdaLayerNorm
from tests.engine.diffusion.support import torch

# F latents · N tokens of one latent · T tokens · W width · H heads · D head width · A audio width · L layers


def literal_convolution(state, name, frames, stride):
    """One output frame after the other; what is before the first frame is the first frame."""
    weight, bias = state[f"{name}.conv.weight"], state[f"{name}.conv.bias"]
    out = []
    for at in range(0, len(frames), stride):
        seen = [frames[max(at + tap - 2, 0)] for tap in range(3)]
        out.append(sum(weight[:, :, tap] @ seen[tap] for tap in range(3)) + bias)
    return out


def literal_norm(x, eps):
    return (x - x.mean()) / torch.sqrt(((x - x.mean()) ** 2).mean() + eps)


def literal_sound(state, shape, states_LAT):
    """Per latent: five local tokens and the global one."""
    weights = state["casual_audio_encoder.weights"].flatten()
    shares = [w / (1 + torch.exp(-w)) for w in weights]
    frames = [sum(s * layer[:, t] for s, layer in zip(shares, states_LAT, strict=True)) / sum(shares)
              for t in range(states_LAT.shape[2])]  # fmt: skip
    frames, head = [frames[0]] * 73 + frames, "casual_audio_encoder.encoder."

    def activated(sequence):
        return [torch.nn.functional.silu(literal_norm(x, 1e-6)) for x in sequence]

    def later(sequence):
        halved = activated(literal_convolution(state, f"{head}conv2", activated(sequence), 2))
        return activated(literal_convolution(state, f"{head}conv3", halved, 2))

    wide, quarter = literal_convolution(state, f"{head}conv1_local", frames, 1), shape.width // 4
    heads = [later([x[quarter * n : quarter * (n + 1)] for x in wide]) for n in range(4)]
    whole = later(literal_convolution(state, f"{head}conv1_global", frames, 1))
    linear, bias = state[f"{head}final_linear.weight"], state[f"{head}final_linear.bias"]
    padding, latents = state[f"{head}padding_tokens"].flatten(), states_LAT.shape[2] // 4
    local = [torch.stack([*(head[n] for head in heads), padding]) for n in range(len(whole))]
    return torch.stack(local[-latents:]), torch.stack([linear @ x + bias for x in whole[-latents:]])


def literal_injection(state, shape, number, x_FNW, local_FKW, global_FW):
    """Latent by latent, token by token, head by head."""
    name, width = f"audio_injector.injector.{number}.", shape.width // shape.heads

    def project(part, x):
        return state[f"{name}{part}.weight"] @ x + state[f"{name}{part}.bias"]

    def rms(part, x):
        return x / torch.sqrt((x**2).mean() + shape.eps) * state[f"{name}norm_{part}.weight"]

    norm = AdaLayerNorm(shape.width, output_dim=2 * shape.width, chunk_dim=1).double()
    norm.linear.load_state_dict(
        {part: state[f"audio_injector.injector_adain_layers.{number}.linear.{part}"] for part in ("weight", "bias")}
    )
    out = x_FNW.clone()
    for latent, (tokens, context, whole) in enumerate(zip(x_FNW, local_FKW, global_FW, strict=True)):
        keys, values = [rms("k", project("k", c)) for c in context], [project("v", c) for c in context]
        for n, token in enumerate(norm(tokens[None], temb=whole[None])[0]):
            query, found = rms("q", project("q", token)), []
            for head in range(shape.heads):
                part = slice(head * width, (head + 1) * width)
                scores = torch.stack([query[part] @ key[part] for key in keys]) / width**0.5
                found.append(sum(p * value[part] for p, value in zip(scores.softmax(0), values, strict=True)))
            out[latent, n] += project("o", torch.cat(found))
    return out


@dataclass
class Literal:
    """One transformer at one picture size. `ahead`: how far the reference goes ahead of a block."""

    state: dict
    shape: TrunkShape
    rows: int
    columns: int
    ahead: int

    def linear(self, name, x):
        return x @ self.state[f"{name}.weight"].flatten(1).T + self.state[f"{name}.bias"]

    def normed(self, x):
        return (x - x.mean(-1, keepdim=True)) / torch.sqrt(x.var(-1, correction=0, keepdim=True) + self.shape.eps)

    def rms(self, name, x):
        return x / torch.sqrt((x**2).mean(-1, keepdim=True) + self.shape.eps) * self.state[f"{name}.weight"]

    def heads(self, x):
        return x.unflatten(-1, (self.shape.heads, -1))

    # --- where tokens stand --------------------------------------------------------------------------------------

    def grid(self, time, rows=None, columns=None):
        rows, columns = rows or range(self.rows), columns or range(self.columns)
        return [(time, row, column) for row in rows for column in columns]

    def motion_places(self):
        """The newest latent at -1; two at half size from -3; sixteen at a quarter size, four by four, from -19."""

        def every(size, count):
            return [int(n * (size - 1) / max(1, count - 1)) for n in range(count)]

        places = self.grid(-1)
        for times, part in (((-3,), 2), ((-19, -14, -9, -4), 4)):
            rows, columns = every(self.rows, self.rows // part), every(self.columns, self.columns // part)
            places += [place for time in times for place in self.grid(time, rows, columns)]
        return places

    def turned(self, x_THD, places):
        pairs = self.shape.head_width // 2
        spatial = pairs // 3
        out = torch.empty_like(x_THD)
        for token, place in enumerate(places):
            angles = []
            for where, count in zip(place, (pairs - 2 * spatial, spatial, spatial), strict=True):
                angles += [where * 10_000 ** (-n / count) for n in range(count)]
            phase = torch.polar(torch.ones(pairs, dtype=torch.float64), torch.tensor(angles, dtype=torch.float64))
            whole = torch.view_as_complex(x_THD[token].unflatten(-1, (-1, 2))) * phase
            out[token] = torch.view_as_real(whole).flatten(-2)
        return out

    # --- the transformer -----------------------------------------------------------------------------------------

    def attended(self, q_THD, k_THD, v_THD):
        scores = torch.stack([q_THD[:, h] @ k_THD[:, h].T for h in range(self.shape.heads)])
        shares = (scores / self.shape.head_width**0.5).softmax(-1)
        return torch.cat([shares[h] @ v_THD[:, h] for h in range(self.shape.heads)], dim=-1)

    def time(self, t):
        half = self.shape.frequency_width // 2
        angles = t * 10_000 ** (-torch.arange(half, dtype=torch.float64) / half)
        embedded = self.linear("time_embedding.0", torch.cat((angles.cos(), angles.sin())))
        embedded = self.linear("time_embedding.2", torch.nn.functional.silu(embedded))
        return embedded, self.linear("time_projection.1", torch.nn.functional.silu(embedded)).view(6, -1)

    def patches(self, name, x_CFHW):
        kernel = self.state[f"{name}.weight"]
        out = torch.nn.functional.conv3d(x_CFHW[None], kernel, self.state[f"{name}.bias"], stride=kernel.shape[2:])
        return out[0].flatten(1).T

    def beside(self, reference_CHW, motion_CFHW):
        of_class = self.state["trainable_cond_mask.weight"]
        packs = (("proj", motion_CFHW[:, 18:]), ("proj_2x", motion_CFHW[:, 16:18]), ("proj_4x", motion_CFHW[:, :16]))
        packed = torch.cat([self.patches(f"frame_packer.{name}", part) for name, part in packs])
        return torch.cat((self.patches("patch_embedding", reference_CHW[:, None]) + of_class[1], packed + of_class[2]))

    def velocities(self, besides, text_LW, blocks, window):
        """Of each block (16, F, H, W); `blocks` are (latents, t, sound, which of `besides` it sees). A ring of `window`
        latents without a sink."""
        size, tokens, first = blocks[0][0].shape[1], self.rows * self.columns, len(besides)
        of_noise = self.state["trainable_cond_mask.weight"][0] + self.state["cond_encoder.bias"]
        groups = [*besides, *(self.patches("patch_embedding", x) + of_noise for x, *_ in blocks)]
        times = [*([self.time(0.0)] * first), *(self.time(t) for _, t, *_ in blocks)]
        text_LW = self.linear("text_embedding.0", text_LW)
        text_LW = self.linear("text_embedding.2", torch.nn.functional.gelu(text_LW, approximate="tanh"))
        for layer in range(self.shape.layers):
            modulations = [self.state[f"blocks.{layer}.modulation"][0] + six for _, six in times]
            qkv = [self.projected(layer, x, m) for x, m in zip(groups, modulations, strict=True)]
            seen = [self.seen_beside(qkv[number]) for number in range(first)]
            seen += [self.seen(n, qkv[block[3]], qkv[first:], size, window) for n, block in enumerate(blocks)]
            groups = [
                self.block(layer, x, m, what, text_LW) for x, m, what in zip(groups, modulations, seen, strict=True)
            ]
            if layer in self.shape.injected_after:
                index = self.shape.injected_after.index(layer)
                for number, (_, _, (local, whole), _) in enumerate(blocks, start=first):
                    x_FNW = groups[number].unflatten(0, (size, tokens))
                    injected = literal_injection(self.state, self.shape, index, x_FNW, local, whole)
                    groups[number] = injected.flatten(0, 1)
        return [self.head(x, embedded, size) for x, (embedded, _) in zip(groups[first:], times[first:], strict=True)]

    def projected(self, layer, x, modulation):
        name, x = f"blocks.{layer}.self_attn.", self.normed(x) * (1 + modulation[1]) + modulation[0]
        q, k = (self.heads(self.rms(f"{name}norm_{part}", self.linear(f"{name}{part}", x))) for part in "qk")
        return q, k, self.heads(self.linear(f"{name}v", x))

    def seen_beside(self, qkv):
        places = self.grid(30) + self.motion_places()
        return self.turned(qkv[0], places), self.turned(qkv[1], places), qkv[2]

    def seen(self, number, beside, blocks, size, window):
        """Rotated queries of this block, and the rotated keys and the values it sees."""
        tokens, first = self.rows * self.columns, number * size
        places = self.grid(max(30, first + self.ahead)) + self.motion_places()
        keys, values = [self.turned(beside[1], places)], [beside[2]]
        for latent in range(max(0, first + size - window), first + size):
            part = slice(latent % size * tokens, (latent % size + 1) * tokens)
            _, k, v = blocks[latent // size]
            keys.append(self.turned(k[part], self.grid(latent)))
            values.append(v[part])
        own = [place for latent in range(first, first + size) for place in self.grid(latent)]
        return self.turned(blocks[number][0], own), torch.cat(keys), torch.cat(values)

    def block(self, layer, x, modulation, qkv, text_LW):
        name = f"blocks.{layer}."
        x = x + modulation[2] * self.linear(f"{name}self_attn.o", self.attended(*qkv))
        cross, normed = f"{name}cross_attn.", self.normed(x)
        normed = normed * self.state[f"{name}norm3.weight"] + self.state[f"{name}norm3.bias"]
        q = self.heads(self.rms(f"{cross}norm_q", self.linear(f"{cross}q", normed)))
        k = self.heads(self.rms(f"{cross}norm_k", self.linear(f"{cross}k", text_LW)))
        x = x + self.linear(f"{cross}o", self.attended(q, k, self.heads(self.linear(f"{cross}v", text_LW))))
        wide = self.linear(f"{name}ffn.0", self.normed(x) * (1 + modulation[4]) + modulation[3])
        wide = torch.nn.functional.gelu(wide, approximate="tanh")
        return x + modulation[5] * self.linear(f"{name}ffn.2", wide)

    def head(self, x, embedded, size):
        shift, scale = self.state["head.modulation"][0] + embedded
        out_TJ = self.linear("head.head", self.normed(x) * (1 + scale) + shift)
        velocity = torch.empty(16, size, 2 * self.rows, 2 * self.columns, dtype=torch.float64)
        places = [(latent, row, column) for latent in range(size) for _, row, column in self.grid(0)]
        for values, (latent, row, column) in zip(out_TJ, places, strict=True):
            patch = values.view(2, 2, 16).permute(2, 0, 1)
            velocity[:, latent, 2 * row : 2 * row + 2, 2 * column : 2 * column + 2] = patch
        return velocity
