// DSP48E2 as an adder or a multiplier, as UG579 describes it: USE_MULT = "NONE", or "MULTIPLY" without D;
// every register of one stage.
//
// X is A:B, P or 0; Y is C or 0; or both are the product; Z is P, C or 0; W is 0. ALUMODE adds (0000) or subtracts from Z (0011). Carries
// do not cross the fields of USE_SIMD. A setting that is not modelled makes P unknown.
module DSP48E2 #(
    parameter USE_MULT = "MULTIPLY", parameter USE_SIMD = "ONE48",
    parameter integer AREG = 1, parameter integer ACASCREG = 1, parameter integer BREG = 1,
    parameter integer BCASCREG = 1, parameter integer CREG = 1, parameter integer PREG = 1,
    parameter integer OPMODEREG = 1, parameter integer ALUMODEREG = 1, parameter integer MREG = 1,
    parameter integer ADREG = 1, parameter integer DREG = 1, parameter integer INMODEREG = 1,
    parameter integer CARRYINREG = 1, parameter integer CARRYINSELREG = 1
) (
    input CLK,
    input [29:0] A, input [17:0] B, input [47:0] C, input [26:0] D,
    input [29:0] ACIN, input [17:0] BCIN, input [47:0] PCIN,
    input [8:0] OPMODE, input [3:0] ALUMODE, input [4:0] INMODE, input [2:0] CARRYINSEL,
    input CARRYIN, input CARRYCASCIN, input MULTSIGNIN,
    input CEA1, input CEA2, input CEB1, input CEB2, input CEC, input CED, input CEAD, input CEM, input CEP,
    input CECTRL, input CEALUMODE, input CECARRYIN, input CEINMODE,
    input RSTA, input RSTB, input RSTC, input RSTD, input RSTM, input RSTP, input RSTCTRL, input RSTALUMODE,
    input RSTALLCARRYIN, input RSTINMODE,
    output reg [47:0] P
);
    localparam integer FIELD = (USE_SIMD == "FOUR12") ? 12 : (USE_SIMD == "TWO24") ? 24 : 48;
    localparam integer MULTIPLIES = USE_MULT == "MULTIPLY" && MREG == 1 && ADREG == 0 && DREG == 0 && FIELD == 48;
    localparam integer MODELLED = (USE_MULT == "NONE" || MULTIPLIES) && AREG == 1 && BREG == 1 && CREG == 1 && PREG == 1
        && OPMODEREG == 1 && ALUMODEREG == 1;
    reg [47:0] ab, c;
    reg signed [44:0] m;
    reg [8:0] opmode;
    reg [3:0] alumode;
    wire product = MULTIPLIES && opmode[3:0] == 4'b0101 && INMODE == 5'b00000;
    wire [47:0] x = product ? {{3{m[44]}}, m} : (opmode[1:0] == 2'b00) ? 48'd0 : (opmode[1:0] == 2'b11) ? ab
        : (opmode[1:0] == 2'b10) ? P : 48'bx;
    wire [47:0] y = (product || opmode[3:2] == 2'b00) ? 48'd0 : (opmode[3:2] == 2'b11) ? c : 48'bx;
    wire [47:0] z = (opmode[6:4] == 3'b000) ? 48'd0 : (opmode[6:4] == 3'b010) ? P
        : (opmode[6:4] == 3'b011) ? c : 48'bx;
    wire modelled = MODELLED && opmode[8:7] == 2'b00 && (alumode == 4'b0000 || alumode == 4'b0011);
    wire [47:0] total;
    genvar i;
    generate
        for (i = 0; i < 48 / FIELD; i = i + 1) begin : field
            wire [FIELD-1:0] sum = x[FIELD*i +: FIELD] + y[FIELD*i +: FIELD];
            assign total[FIELD*i +: FIELD] = (alumode == 4'b0011) ? z[FIELD*i +: FIELD] - sum
                : z[FIELD*i +: FIELD] + sum;
        end
    endgenerate
    initial begin
        P = 0; ab = 0; c = 0; m = 0; opmode = 0; alumode = 0;
    end
    always @(posedge CLK) begin
        if (CEA2 && CEB2) ab <= {A, B};
        if (CEC) c <= C;
        if (CEM) m <= $signed(ab[44:18]) * $signed(ab[17:0]);
        if (CECTRL) opmode <= OPMODE;
        if (CEALUMODE) alumode <= ALUMODE;
        if (CEP) P <= modelled ? total : 48'bx;
    end
endmodule
