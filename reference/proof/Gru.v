(* The GRU, reset after (SPEC 13) and reset before (SPEC 14): one step forward and backward. *)
From BPTT Require Export Gates Unroll.
From Coq Require Import List Reals Lra.
Import ListNotations.

Inductive gate := reset | update | new.

Lemma gates_once : NoDup [reset; update; new].
Proof. repeat constructor; simpl; intuition discriminate. Qed.

Definition gate_dec (g g' : gate) : {g = g'} + {g <> g'}.
Proof. decide equality. Defined.

(* 12.2: r, z, n. *)
Definition gates : indices := {| index := gate; listed := [reset; update; new]; listed_once := gates_once; index_dec := gate_dec |}.

Section Cell.
Context {K : Type} {N : Numbers K} (sigmoid tanh : activation K) {B I H : indices}.
Local Open Scope number_scope.

Definition parameters := gate_parameters K gates I H H.

(* Of every cell here: rows of h(t) or of its gradient, rows of x(t), and what a step backward leaves: the share of this step in the
   gradient of the parameters, dx(t), and carry, which is what reaches h(t-1). *)
Definition rows_h := B -> H -> K.
Definition rows_x := B -> I -> K.
Definition left := (parameters * (rows_x * rows_h))%type.

Section Step.
Variables (p : parameters) (x : rows_x) (h : rows_h).  (* h is h(t-1) *)

Definition from_x g : rows_h := affine x (W_ih p g) (b_ih p g).
Definition from_h g (h : rows_h) : rows_h := affine h (W_hh p g) (b_hh p g).

(* 13.1, 14.1 *)
Definition r : rows_h := fun b k => value sigmoid (from_x reset b k + from_h reset h b k).
Definition z : rows_h := fun b k => value sigmoid (from_x update b k + from_h update h b k).
Definition blend (n : rows_h) : rows_h := fun b k => n b k + z b k * (h b k - n b k).

(* 13.1: r acts on the product with h(t-1). *)
Definition q : rows_h := from_h new h.
Definition n_after : rows_h := fun b k => value tanh (from_x new b k + r b k * q b k).
Definition h_after : rows_h := blend n_after.

(* 14.1: r acts on h(t-1) before the product. *)
Definition s : rows_h := fun b k => r b k * h b k.
Definition n_before : rows_h := fun b k => value tanh (from_x new b k + from_h new s b k).
Definition h_before : rows_h := blend n_before.

(* 13.4 and 13.5, from dh(t) = above(t) + carry. *)
Definition backward_after (dh : rows_h) : left :=
  let n := n_after in
  let dn b k := dh b k * (1 - z b k) in
  let dz b k := dh b k * (h b k - n b k) in
  let da_n b k := dn b k * slope tanh (n b k) in
  let dq b k := da_n b k * r b k in
  let dr b k := da_n b k * q b k in
  let da_z b k := dz b k * slope sigmoid (z b k) in
  let da_r b k := dr b k * slope sigmoid (r b k) in
  let da g := match g with reset => da_r | update => da_z | new => da_n end in  (* weights and biases of x *)
  let du g := match g with reset => da_r | update => da_z | new => dq end in    (* those of h *)
  let dx b j := sum gates (fun g => through (da g) (W_ih p g) b j) in
  let carry b k := dh b k * z b k + sum gates (fun g => through (du g) (W_hh p g) b k) in
  ((fun g => pooled (da g) x, fun g => pooled (du g) h, fun g => pooled_bias (da g), fun g => pooled_bias (du g)), (dx, carry)).

(* 14.4 and 14.5. *)
Definition backward_before (dh : rows_h) : left :=
  let n := n_before in
  let dn b k := dh b k * (1 - z b k) in
  let dz b k := dh b k * (h b k - n b k) in
  let da_n b k := dn b k * slope tanh (n b k) in
  let ds := through da_n (W_hh p new) in
  let dr b k := ds b k * h b k in
  let da_z b k := dz b k * slope sigmoid (z b k) in
  let da_r b k := dr b k * slope sigmoid (r b k) in
  let da g := match g with reset => da_r | update => da_z | new => da_n end in
  let read g := match g with new => s | _ => h end in
  let dx b j := sum gates (fun g => through (da g) (W_ih p g) b j) in
  let carry b k := dh b k * z b k + ds b k * r b k + (through da_r (W_hh p reset) b k + through da_z (W_hh p update) b k) in
  ((fun g => pooled (da g) x, fun g => pooled (da g) (read g), fun g => pooled_bias (da g), fun g => pooled_bias (da g)), (dx, carry)).
End Step.
End Cell.

Arguments parameters : clear implicits.
Open Scope R_scope.

Lemma every_gate (g : gates) : In g gates.
Proof. destruct g; simpl; auto. Qed.

Lemma sum_gates (f : gate -> R) : sum gates f = f reset + f update + f new.
Proof. change (listed gates) with [reset; update; new]. rewrite !sum_cons, sum_nil. ring. Qed.

Lemma dot_gates {B J : indices} (d : gate -> Matrix B J) (y : Matrix B J) :
  dot (V := Matrix B J) (fun b j => sum gates (fun g => d g b j)) y
  = dot (V := Matrix B J) (d reset) y + dot (V := Matrix B J) (d update) y + dot (V := Matrix B J) (d new) y.
Proof. rewrite !dot_rows, <- !rows_sum. apply rows_ext. intros. rewrite sum_gates. ring. Qed.

Lemma dot_rows_add {B H : indices} (f g y : Matrix B H) :
  dot (V := Matrix B H) (fun b k => f b k + g b k) y = dot (V := Matrix B H) f y + dot (V := Matrix B H) g y.
Proof. exact (dot_add_l (V := Matrix B H) f g y). Qed.

(* The same terms, by gate and by what they belong to. *)
Lemma by_gate xr wr br yr ur cr xz wz bz yz uz cz xn wn bn yn un cn c :
  xr + wr + br + (yr + ur + cr) + (xz + wz + bz + (yz + uz + cz)) + (xn + wn + bn + (yn + un + cn)) + c
  = wr + wz + wn + (ur + uz + un) + (br + bz + bn) + (cr + cz + cn) + (xr + xz + xn + (c + (yr + yz + yn))).
Proof. ring. Qed.

Lemma by_gate_before xr wr br yr ur cr xz wz bz yz uz cz xn wn bn un cn c d :
  xz + wz + bz + (yz + uz + cz) + (xn + wn + bn) + c + (xr + wr + br + (yr + ur + cr) + d + un + cn)
  = wr + wz + wn + (ur + uz + un) + (br + bz + bn) + (cr + cz + cn) + (xr + xz + xn + (c + d + (yr + yz))).
Proof. ring. Qed.

Section Gradient.
Context (sigmoid tanh : activation R) (B I H : indices) (smooth_sigmoid : smooth sigmoid) (smooth_tanh : smooth tanh).

Definition Parameters : space := GateParameters gates I H H.
Definition Inputs : space := Pair Parameters (Pair (Matrix B I) (Matrix B H)).

Section At.
Variables (p : Parameters) (x : Matrix B I) (h : Matrix B H).
Let e : Inputs := (p, (x, h)).

(* What a change v of parameters, x and h(t-1) does to the two parts of the argument of a gate. *)
Definition change_from_x g (v : Inputs) : Matrix B H :=
  fun s i => sum I (fun j => fst (snd v) s j * @W_ih R gates I H H p g i j + x s j * @W_ih R gates I H H (fst v) g i j)
             + @b_ih R gates I H H (fst v) g i.
Definition change_from_h g (y y' : Matrix B H) (v : Inputs) : Matrix B H :=
  fun s i => sum H (fun j => y' s j * @W_hh R gates I H H p g i j + y s j * @W_hh R gates I H H (fst v) g i j)
             + @b_hh R gates I H H (fst v) g i.

Let dp : derivative (V := Inputs) (W := Parameters) (fun e => fst e) e (fun v => fst v).
Proof. apply derivative_linear, linear_fst. Qed.

Let rest : derivative (V := Inputs) (W := Pair (Matrix B I) (Matrix B H)) (fun e => snd e) e (fun v => snd v).
Proof. apply derivative_linear, linear_snd. Qed.

Let dx : derivative (V := Inputs) (W := Matrix B I) (fun e => fst (snd e)) e (fun v => fst (snd v)).
Proof. exact (derivative_fst (U := Matrix B I) (W := Matrix B H) e _ _ rest). Qed.

Let dh : derivative (V := Inputs) (W := Matrix B H) (fun e => snd (snd e)) e (fun v => snd (snd v)).
Proof. exact (derivative_snd (U := Matrix B I) (W := Matrix B H) e _ _ rest). Qed.

Lemma derivative_from_x g :
  derivative (V := Inputs) (W := Matrix B H) (fun e => @from_x R _ B I H (fst e) (fst (snd e)) g) e (change_from_x g).
Proof.
  exact (rows_affine (V := Inputs) (B := B) (I := I) (H := H) _ _ _ e _ _ _ dx
           (derivative_W_ih (V := Inputs) _ _ _ dp g (every_gate g)) (derivative_b_ih (V := Inputs) _ _ _ dp g (every_gate g))).
Qed.

Lemma derivative_from_h (y : Inputs -> Matrix B H) y' g : derivative (V := Inputs) (W := Matrix B H) y e y' ->
  derivative (V := Inputs) (W := Matrix B H) (fun e => @from_h R _ B I H (fst e) g (y e)) e (fun v => change_from_h g (y e) (y' v) v).
Proof.
  intros dy.
  exact (rows_affine (V := Inputs) (B := B) (I := H) (H := H) _ _ _ e _ _ _ dy
           (derivative_W_hh (V := Inputs) _ _ _ dp g (every_gate g)) (derivative_b_hh (V := Inputs) _ _ _ dp g (every_gate g))).
Qed.

Lemma dot_change_from_x g (d : Matrix B H) v :
  sum B (fun b => sum H (fun k => d b k * change_from_x g v b k))
  = dot (V := Matrix B I) (through d (@W_ih R gates I H H p g)) (fst (snd v))
    + dot (V := Matrix H I) (pooled d x) (@W_ih R gates I H H (fst v) g)
    + dot (V := Vector H) (pooled_bias d) (@b_ih R gates I H H (fst v) g).
Proof. exact (dot_affine (B := B) (I := I) (H := H) d x (fst (snd v)) (@W_ih R gates I H H p g) (@W_ih R gates I H H (fst v) g) _). Qed.

Lemma dot_change_from_h g (d y y' : Matrix B H) v :
  sum B (fun b => sum H (fun k => d b k * change_from_h g y y' v b k))
  = dot (V := Matrix B H) (through d (@W_hh R gates I H H p g)) y'
    + dot (V := Matrix H H) (pooled d y) (@W_hh R gates I H H (fst v) g)
    + dot (V := Vector H) (pooled_bias d) (@b_hh R gates I H H (fst v) g).
Proof. exact (dot_affine (B := B) (I := H) (H := H) d y y' (@W_hh R gates I H H p g) (@W_hh R gates I H H (fst v) g) _). Qed.

(* A gate opens or closes: its value s(a), and what a change does to it. *)
Let act (s : activation R) (all : smooth s) (a a' : Inputs -> Matrix B H)
  (d : derivative (V := Inputs) (W := Matrix B H) a e a') :=
  rows_activation (V := Inputs) (B := B) (H := H) s a e a' (fun b k _ _ => all _) d.
Let plus := rows_plus (V := Inputs) (B := B) (H := H).
Let minus := rows_minus (V := Inputs) (B := B) (H := H).
Let times := rows_times (V := Inputs) (B := B) (H := H).

Let dr := act sigmoid smooth_sigmoid _ _ (plus _ _ e _ _ (derivative_from_x reset) (derivative_from_h _ _ reset dh)).
Let dz := act sigmoid smooth_sigmoid _ _ (plus _ _ e _ _ (derivative_from_x update) (derivative_from_h _ _ update dh)).
Let dn := act tanh smooth_tanh _ _ (plus _ _ e _ _ (derivative_from_x new) (times _ _ e _ _ dr (derivative_from_h _ _ new dh))).
Let d_after := plus _ _ e _ _ dn (times _ _ e _ _ dz (minus _ _ e _ _ dh dn)).

Theorem after :
  adjoint (V := Inputs) (W := Matrix B H) (fun e => @h_after R _ sigmoid tanh B I H (fst e) (fst (snd e)) (snd (snd e))) e
    (@backward_after R _ sigmoid tanh B I H p x h).
Proof.
  eexists. split; [exact d_after |]. clear.
  intros u v. rewrite dot_rows.
  set (z_ := @z R _ sigmoid B I H p x h). set (r_ := @r R _ sigmoid B I H p x h). set (q_ := @q R _ B I H p h).
  set (n_ := @n_after R _ sigmoid tanh B I H p x h).
  set (da_n := fun b k => u b k * (1 - z_ b k) * slope tanh (n_ b k)).
  set (dq := fun b k => u b k * (1 - z_ b k) * slope tanh (n_ b k) * r_ b k).
  set (da_z := fun b k => u b k * (h b k - n_ b k) * slope sigmoid (z_ b k)).
  set (da_r := fun b k => u b k * (1 - z_ b k) * slope tanh (n_ b k) * q_ b k * slope sigmoid (r_ b k)).
  set (dh_z := fun b k => u b k * z_ b k).
  transitivity (sum B (fun b => sum H (fun k =>
    (da_r b k * change_from_x reset v b k + da_r b k * change_from_h reset h (snd (snd v)) v b k)
    + (da_z b k * change_from_x update v b k + da_z b k * change_from_h update h (snd (snd v)) v b k)
    + (da_n b k * change_from_x new v b k + dq b k * change_from_h new h (snd (snd v)) v b k)
    + dh_z b k * snd (snd v) b k))).
  { apply rows_ext. intros b k.
    change (u b k * ((slope tanh (n_ b k)
      * (change_from_x new v b k
         + (slope sigmoid (r_ b k) * (change_from_x reset v b k + change_from_h reset h (snd (snd v)) v b k) * q_ b k
            + r_ b k * change_from_h new h (snd (snd v)) v b k)))
      + (slope sigmoid (z_ b k) * (change_from_x update v b k + change_from_h update h (snd (snd v)) v b k) * (h b k - n_ b k)
         + z_ b k * (snd (snd v) b k - slope tanh (n_ b k)
             * (change_from_x new v b k
                + (slope sigmoid (r_ b k) * (change_from_x reset v b k + change_from_h reset h (snd (snd v)) v b k) * q_ b k
                   + r_ b k * change_from_h new h (snd (snd v)) v b k)))))
     = (da_r b k * change_from_x reset v b k + da_r b k * change_from_h reset h (snd (snd v)) v b k)
    + (da_z b k * change_from_x update v b k + da_z b k * change_from_h update h (snd (snd v)) v b k)
    + (da_n b k * change_from_x new v b k + dq b k * change_from_h new h (snd (snd v)) v b k)
    + dh_z b k * snd (snd v) b k).
    unfold da_r, da_z, dq, dh_z, da_n. ring. }
  rewrite !rows_sum, !dot_change_from_x, !dot_change_from_h, <- (dot_rows (B := B) (H := H) dh_z).
  unfold Inputs at 1. rewrite dot_pair, dot_pair. unfold Parameters. rewrite dot_gate_parameters, !sum_gates.
  unfold backward_after. cbv zeta. cbn [fst snd W_ih W_hh b_ih b_hh]. reals.
  fold z_ r_ q_ n_. fold da_n dq da_z da_r dh_z.
  rewrite (dot_gates (fun g => through _ _)), (dot_rows_add (fun b k => u b k * z_ b k)), (dot_gates (fun g => through _ _)). fold dh_z.
  apply by_gate.
Qed.

Let ds := derivative_from_h _ _ new (times _ _ e _ _ dr dh).
Let dn' := act tanh smooth_tanh _ _ (plus _ _ e _ _ (derivative_from_x new) ds).
Let d_before := plus _ _ e _ _ dn' (times _ _ e _ _ dz (minus _ _ e _ _ dh dn')).

Theorem before :
  adjoint (V := Inputs) (W := Matrix B H) (fun e => @h_before R _ sigmoid tanh B I H (fst e) (fst (snd e)) (snd (snd e))) e
    (@backward_before R _ sigmoid tanh B I H p x h).
Proof.
  eexists. split; [exact d_before |]. clear.
  intros u v. rewrite dot_rows.
  set (z_ := @z R _ sigmoid B I H p x h). set (r_ := @r R _ sigmoid B I H p x h). set (s_ := @s R _ sigmoid B I H p x h).
  set (n_ := @n_before R _ sigmoid tanh B I H p x h).
  set (da_n := fun b k => u b k * (1 - z_ b k) * slope tanh (n_ b k)).
  set (ds_ := through da_n (@W_hh R gates I H H p new)).
  set (da_z := fun b k => u b k * (h b k - n_ b k) * slope sigmoid (z_ b k)).
  set (da_r := fun b k => ds_ b k * h b k * slope sigmoid (r_ b k)).
  set (dh_z := fun b k => u b k * z_ b k). set (ds_r := fun b k => ds_ b k * r_ b k).
  set (s' := fun b k => slope sigmoid (r_ b k) * (change_from_x reset v b k + change_from_h reset h (snd (snd v)) v b k) * h b k
                        + r_ b k * snd (snd v) b k).
  transitivity (sum B (fun b => sum H (fun k =>
    (da_z b k * change_from_x update v b k + da_z b k * change_from_h update h (snd (snd v)) v b k)
    + da_n b k * change_from_x new v b k + dh_z b k * snd (snd v) b k + da_n b k * change_from_h new s_ s' v b k))).
  { apply rows_ext. intros b k.
    change (u b k * (slope tanh (n_ b k) * (change_from_x new v b k + change_from_h new s_ s' v b k)
      + (slope sigmoid (z_ b k) * (change_from_x update v b k + change_from_h update h (snd (snd v)) v b k) * (h b k - n_ b k)
         + z_ b k * (snd (snd v) b k - slope tanh (n_ b k) * (change_from_x new v b k + change_from_h new s_ s' v b k))))
     = (da_z b k * change_from_x update v b k + da_z b k * change_from_h update h (snd (snd v)) v b k)
    + da_n b k * change_from_x new v b k + dh_z b k * snd (snd v) b k + da_n b k * change_from_h new s_ s' v b k).
    unfold da_z, dh_z, da_n. ring. }
  rewrite !rows_sum, !dot_change_from_x, !dot_change_from_h, <- (dot_rows (B := B) (H := H) dh_z). fold ds_.
  rewrite (dot_rows (B := B) (H := H) _ s').
  replace (sum B (fun b => sum H (fun k => through da_n (@W_hh R gates I H H p new) b k * s' b k))) with (sum B (fun b => sum H (fun k =>
    (da_r b k * change_from_x reset v b k + da_r b k * change_from_h reset h (snd (snd v)) v b k) + ds_r b k * snd (snd v) b k)))
    by (apply rows_ext; intros; unfold da_r, ds_r, s', ds_; ring).
  rewrite !rows_sum, dot_change_from_x, dot_change_from_h, <- (dot_rows (B := B) (H := H) ds_r).
  unfold Inputs at 1. rewrite dot_pair, dot_pair. unfold Parameters. rewrite dot_gate_parameters, !sum_gates.
  unfold backward_before. cbv zeta. cbn [fst snd W_ih W_hh b_ih b_hh]. reals.
  fold z_ r_ s_ n_. fold da_n. fold ds_. fold da_z da_r.
  rewrite (dot_gates (fun g => through _ _)), !dot_rows_add. fold dh_z ds_r.
  apply by_gate_before.
Qed.
End At.

(* The whole series: backward of every step, from the last to the first, is the adjoint of forward. *)
Definition step_after (t : nat) (e : Inputs) : Matrix B H := @h_after R _ sigmoid tanh B I H (fst e) (fst (snd e)) (snd (snd e)).
Definition step_before (t : nat) (e : Inputs) : Matrix B H := @h_before R _ sigmoid tanh B I H (fst e) (fst (snd e)) (snd (snd e)).

Definition back_after (p : Parameters) (x : nat -> Matrix B I) (h : Matrix B H) (t : nat) : Matrix B H -> Inputs :=
  @backward_after R _ sigmoid tanh B I H p (x t) (Unroll.before step_after p x h t).
Definition back_before (p : Parameters) (x : nat -> Matrix B I) (h : Matrix B H) (t : nat) : Matrix B H -> Inputs :=
  @backward_before R _ sigmoid tanh B I H p (x t) (Unroll.before step_before p x h t).

Theorem after_series T p (x : Series T (Matrix B I)) h :
  adjoint (unrolled step_after T) (p, (x, h)) (fun u => back (back_after p x h) (fst u) T (snd u)).
Proof. apply back_is_adjoint. intros t _. apply after. Qed.

Theorem before_series T p (x : Series T (Matrix B I)) h :
  adjoint (unrolled step_before T) (p, (x, h)) (fun u => back (back_before p x h) (fst u) T (snd u)).
Proof. apply back_is_adjoint. intros t _. apply before. Qed.
End Gradient.

(* With the activations of the SPEC, without a condition, and for any differentiable divergence. *)
Theorem after_gradient B I H T (p : Parameters I H) (x : Series T (Matrix B I)) (h : Matrix B H) DIV u :
  gradient DIV (unrolled (step_after sigmoid Activations.tanh B I H) T (p, (x, h))) u ->
  gradient (fun y => DIV (unrolled (step_after sigmoid Activations.tanh B I H) T y)) (p, (x, h))
    (back (back_after sigmoid Activations.tanh B I H p x h) (fst u) T (snd u)).
Proof. apply back_is_gradient. intros t _. apply after; auto using smooth_sigmoid, smooth_tanh. Qed.

Theorem before_gradient B I H T (p : Parameters I H) (x : Series T (Matrix B I)) (h : Matrix B H) DIV u :
  gradient DIV (unrolled (step_before sigmoid Activations.tanh B I H) T (p, (x, h))) u ->
  gradient (fun y => DIV (unrolled (step_before sigmoid Activations.tanh B I H) T y)) (p, (x, h))
    (back (back_before sigmoid Activations.tanh B I H p x h) (fst u) T (snd u)).
Proof. apply back_is_gradient. intros t _. apply before; auto using smooth_sigmoid, smooth_tanh. Qed.
