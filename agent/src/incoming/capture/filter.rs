//! The kernel-side filter of the packet socket, in classic BPF. bpf(4), packet(7).

use socket2::SockFilter;

/// Ports in one filter: its jumps reach 255 instructions.
pub(crate) const PORT_LIMIT: usize = 64;

/// Classic BPF over a packet that starts at its network header:
///
/// ```text
/// TCP over IPv4 (not a later fragment) or IPv6 (without extension headers), and
///   to a subscribed port, received (what loopback sends is seen a second time when it is received), or
///   from a subscribed port, with RST: the only thing that the other direction can tell us
/// ```
pub(super) fn filter(ports: &[u16]) -> Vec<SockFilter> {
    use libc::{
        BPF_ABS, BPF_B, BPF_H, BPF_IMM, BPF_IND, BPF_JA, BPF_JEQ, BPF_JMP, BPF_JSET, BPF_K, BPF_LD, BPF_LDX, BPF_MSH,
        BPF_RET, BPF_W,
    };
    const PROTOCOL: u32 = (libc::SKF_AD_OFF + libc::SKF_AD_PROTOCOL).cast_unsigned();
    const PACKET_TYPE: u32 = (libc::SKF_AD_OFF + libc::SKF_AD_PKTTYPE).cast_unsigned();
    const TCP: u32 = libc::IPPROTO_TCP.cast_unsigned();
    const RST: u32 = 0x04;
    const RECEIVED: u32 = libc::PACKET_HOST as u32;
    let load = |code: u32, k| step(BPF_LD | code, 0, 0, k);
    let jump = |code: u32, k, then, otherwise| step(BPF_JMP | code | BPF_K, then, otherwise, k);

    let ports = &ports[..ports.len().min(PORT_LIMIT)];
    let count = u8::try_from(ports.len()).expect("at most PORT_LIMIT");
    // Behind the two lists of ports: [drop, inbound: 2, outbound: 2, drop, accept]
    let mut code = vec![
        load(BPF_W | BPF_ABS, PROTOCOL),
        jump(BPF_JEQ, libc::ETH_P_IP as u32, 0, 6),
        load(BPF_B | BPF_ABS, 9), // IPv4: protocol
        jump(BPF_JEQ, TCP, 0, 9),
        load(BPF_H | BPF_ABS, 6), // flags and fragment offset
        jump(BPF_JSET, 0x1fff, 7, 0),
        step(BPF_LDX | BPF_B | BPF_MSH, 0, 0, 0), // x = header length
        step(BPF_JMP | BPF_JA, 0, 0, 6),
        jump(BPF_JEQ, libc::ETH_P_IPV6 as u32, 0, 4),
        load(BPF_B | BPF_ABS, 6), // IPv6: next header
        jump(BPF_JEQ, TCP, 0, 2),
        step(BPF_LDX | BPF_W | BPF_IMM, 0, 0, 40),
        step(BPF_JMP | BPF_JA, 0, 0, 1),
        step(BPF_RET | BPF_K, 0, 0, 0),
        load(BPF_H | BPF_IND, 2), // destination port
    ];
    let (inbound, outbound) = (2 * count + 2, count + 3);
    for (at, port) in (0..).zip(ports) {
        code.push(jump(BPF_JEQ, u32::from(*port), inbound - at - 1, 0));
    }
    code.push(load(BPF_H | BPF_IND, 0)); // source port
    for (at, port) in (0..).zip(ports) {
        code.push(jump(BPF_JEQ, u32::from(*port), outbound - at - 1, 0));
    }
    code.extend([
        step(BPF_RET | BPF_K, 0, 0, 0),
        load(BPF_W | BPF_ABS, PACKET_TYPE),
        jump(BPF_JEQ, RECEIVED, 3, 2),
        load(BPF_B | BPF_IND, 13), // TCP flags
        jump(BPF_JSET, RST, 1, 0),
        step(BPF_RET | BPF_K, 0, 0, 0),
        step(BPF_RET | BPF_K, 0, 0, u32::MAX),
    ]);
    code
}

fn step(code: u32, jt: u8, jf: u8, k: u32) -> SockFilter {
    SockFilter::new(u16::try_from(code).expect("codes are small"), jt, jf, k)
}
