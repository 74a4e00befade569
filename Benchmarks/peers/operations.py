"""Fused operations, each forward next to its backward; PyTorch's eager mode needs more passes over memory for them."""

import torch
from torch.autograd import Function
from torch.nn import functional as F


class RMSNorm(Function):
    """w ⊙ x / sqrt(mean(x²) + eps), plus the residual if given; x [..., d], w [d]."""

    @staticmethod
    def forward(ctx, x, weight, eps, residual=None):
        size = x.shape[-1]
        norm = torch.linalg.vector_norm(x, dim=-1, keepdim=True, dtype=torch.float32)
        inverse = norm.square_().div_(size).add_(eps).rsqrt_()
        scaled = (x * inverse).to(x.dtype)
        ctx.save_for_backward(scaled, inverse, weight)
        if residual is not None:
            return torch.addcmul(residual, scaled, weight)
        return (scaled * weight).to(x.dtype)

    @staticmethod
    def backward(ctx, gradient):
        scaled, inverse, weight = ctx.saved_tensors
        residual = gradient if ctx.needs_input_grad[3] else None
        gradient = gradient.float()
        product = (gradient * scaled).flatten(0, -2)
        d_weight = product.sum(0)
        mean = torch.mv(product, weight).div_(len(weight)).view_as(inverse)
        d_x = (gradient * weight).addcmul_(scaled, mean, value=-1).mul_(inverse)
        return d_x.to(scaled.dtype), d_weight, None, residual


class Rotary(Function):
    """Rotates the halves of a head; x [B, T, h, e], cosine and sine [T, 1, e/2]."""

    @staticmethod
    def forward(ctx, x, cosine, sine):
        ctx.save_for_backward(cosine, sine)
        return Rotary.rotated(x, cosine, sine, 1)

    @staticmethod
    def backward(ctx, gradient):
        return Rotary.rotated(gradient, *ctx.saved_tensors, -1), None, None

    @staticmethod
    def rotated(x, cosine, sine, sign):
        cosine, sine = cosine.to(x.dtype), sine.to(x.dtype)
        low, high = x.chunk(2, -1)
        out = torch.empty(x.shape, dtype=x.dtype)
        out_low, out_high = out.chunk(2, -1)
        torch.mul(low, cosine, out=out_low).addcmul_(high, sine, value=-sign)
        torch.mul(high, cosine, out=out_high).addcmul_(low, sine, value=sign)
        return out


class SwiGLU(Function):
    """silu(gate) ⊙ up; gate_up [..., 2·f] concatenates gate and up."""

    @staticmethod
    def forward(ctx, gate_up):
        ctx.save_for_backward(gate_up)
        gate, up = gate_up.chunk(2, -1)
        return F.silu(gate).mul_(up)

    @staticmethod
    def backward(ctx, gradient):
        (gate_up,) = ctx.saved_tensors
        gate, up = gate_up.chunk(2, -1)
        out = torch.empty_like(gate_up)
        d_gate, d_up = out.chunk(2, -1)
        torch.mul(gradient, F.silu(gate), out=d_up)
        torch.ops.aten.silu_backward(gradient * up, gate, grad_input=d_gate)
        return out


class HeadLoss(Function):
    """The head and its loss, in slices of rows. The forward pass computes the gradients, so no logits are stored.

    rows [N, d], weight [V, d], targets [N] -> the mean cross-entropy with z-loss, and without it (no gradient).
    """

    SLICE = 1024

    @staticmethod
    def forward(ctx, rows, weight, targets, z_loss):
        d_rows, d_weight = torch.empty_like(rows), None
        entropy = squares = 0.0
        for part, aims, d_part in zip(*(x.split(HeadLoss.SLICE) for x in (rows, targets, d_rows))):
            logits = F.linear(part, weight).float()  # bf16 under autocast, as the products below
            aimed = logits.gather(1, aims[:, None])
            largest = logits.amax(-1, keepdim=True)
            p = torch.softmax(logits, -1, out=logits)
            lse = largest - p.amax(-1, keepdim=True).log_()
            entropy = entropy + (lse - aimed).sum()
            squares = squares + lse.square().sum()
            # The gradient of mean(lse - aimed + z · lse²) is p · (1 + 2 z · lse), minus one at the target.
            p.mul_(lse.mul_(2 * z_loss).add_(1))
            p.scatter_add_(1, aims[:, None], torch.full_like(aimed, -1))
            torch.mul(p @ weight, 1 / len(rows), out=d_part)
            if d_weight is None:
                d_weight = (p.t() @ part).float()
            elif torch.is_autocast_enabled("cpu"):
                d_weight += p.t() @ part
            else:
                d_weight.addmm_(p.t(), part)
        ctx.save_for_backward(d_rows, d_weight.div_(len(rows)))
        loss = entropy / len(rows)
        ctx.mark_non_differentiable(loss)
        return loss + z_loss * squares / len(rows), loss

    @staticmethod
    def backward(ctx, gradient, _):
        d_rows, d_weight = ctx.saved_tensors
        return d_rows * gradient, d_weight * gradient, None, None
